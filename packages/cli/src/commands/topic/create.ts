import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden, append } from '../../globals.ts'
import { addTopicAlias, parseConfigs, report, someTopics, wholeNumber } from './shared.ts'

export const command: CommandModule = {
  configure(command: Command): void {
    command
      .argument('[topic...]', 'topics to create')
      .option('-p, --partitions <n>', "how many; default: the broker's", wholeNumber('--partitions', 1))
      .option('-r, --replicas <n>', "copies of each; default: the broker's", wholeNumber('--replicas', 1, 32767))
      .option('-c, --config <name=value>', 'setting of the topic; may be repeated', append)
      .option('--if-not-exists', 'a topic that is there already is no failure')
      .option('--dry-run', 'check everything and create nothing')
    addTopicAlias(command)
    addHidden(command, '--replication-factor <n>', wholeNumber('--replication-factor', 1, 32767))
    command.addHelpText(
      'after',
      '\nExamples:\n  ottla topic create orders -p 6\n  ottla topic create clicks -c cleanup.policy=compact -c retention.ms=3600000',
    )
  },

  async run(context: CommandContext): Promise<number> {
    const names = someTopics(context)
    const { options } = context
    const configs = parseConfigs(options.config)
    const { admin } = await context.kafka()
    const results = await admin.createTopics(
      names.map((name) => ({
        name,
        partitions: options.partitions,
        replicationFactor: options.replicas ?? options.replicationFactor,
        configs,
      })),
      { validateOnly: options.dryRun === true },
    )
    const tolerated = options.ifNotExists
      ? results.map((r) => (r.error?.code === 'TOPIC_ALREADY_EXISTS' ? { ...r, error: null, existed: true } : r))
      : results
    if (tolerated.length === 0) return exitCodes.ok
    return report(context, tolerated, (r) => {
      if ('existed' in r) return `${r.name} was there already`
      const size = r.partitions < 0 ? '' : ` with ${r.partitions} partition${r.partitions === 1 ? '' : 's'}`
      return options.dryRun ? `${r.name} could be created${size}` : `created ${r.name}${size}`
    })
  },
}
