import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { addTopicAlias, report, someTopics, tolerateAbsent } from './shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[topic...]', 'topics to delete, with all their records')
      .option('--if-exists', 'a topic that is not there is no failure')
    addTopicAlias(command)
    command.addHelpText('after', '\nExample:\n  ottla topic delete orders clicks')
  },

  async run(context: CommandContext): Promise<number> {
    const names = someTopics(context)
    const { admin } = await context.kafka()
    const results = await admin.deleteTopics(names)
    const tolerated = context.options.ifExists ? tolerateAbsent(results) : results
    return report(context, tolerated, (r) => ('absent' in r ? `${r.name} was not there` : `deleted ${r.name}`))
  },
}
