import type { Command } from 'commander'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { matcherOf } from '../../glob.ts'
import { addHidden, addRefused } from '../../globals.ts'

export const command: CommandModule = {
  configure(command: Command): void {
    command
      .argument('[pattern...]', 'only topics whose name matches; * stands for anything')
      .option('--internal', 'internal topics too')
      .option('--names', 'the names alone, one a line')
    // As it is anyway without --internal.
    addHidden(command, '--exclude-internal')
    addRefused(command, '--topic <name>', 'patterns are arguments, e.g. `ottla topic list "orders*"`')
    command.addHelpText('after', '\nExamples:\n  ottla topic list\n  ottla topic list "orders*" -o json')
  },

  async run(context: CommandContext): Promise<undefined> {
    if (context.options.internal && context.options.excludeInternal) {
      throw new UsageError('give either --internal or --exclude-internal')
    }
    const kafka = await context.kafka()
    const matches = matcherOf(context.args)
    const topics = (await kafka.admin.listTopics({ internal: context.options.internal === true })).filter((t) =>
      matches(t.name),
    )
    if (context.options.names) {
      await context.output.write(topics.map((t) => `${t.name}\n`).join(''))
      return
    }
    await context.output.rows(topics, [
      { title: 'name', value: (t) => t.name },
      { title: 'partitions', value: (t) => t.partitions, align: 'right' },
      { title: 'replicas', value: (t) => t.replicationFactor, align: 'right' },
    ])
  },
}
