import type { Command } from 'commander'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden } from '../../globals.ts'
import { addTopicAlias, refusePartition, refuseReplicaAssignment, report, someTopics, wholeNumber } from './shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[topic...]', 'topics that get more partitions')
      .option('-n, --num <n>', 'how many to add', wholeNumber('--num', 1))
      .option('--to <n>', 'how many there shall be', wholeNumber('--to', 1))
      .option('--dry-run', 'check everything and add nothing')
    addTopicAlias(command)
    addHidden(command, '--partitions <n>', wholeNumber('--partitions', 1) as never)
    refusePartition(command, '--num or --to')
    refuseReplicaAssignment(command)
    command.addHelpText(
      'after',
      '\nKeys move: a record with a key goes to another partition than those before it.\n' +
        '\nExamples:\n  ottla topic add-partitions orders -n 2\n  ottla topic add-partitions orders --to 12',
    )
  },

  async run(context: CommandContext): Promise<number> {
    const names = someTopics(context)
    const { options } = context
    const to = (options.to ?? options.partitions) as number | undefined
    if ((options.num === undefined) === (to === undefined)) throw new UsageError('give either --num or --to')
    const { admin } = await context.kafka()
    const topics = await admin.describeTopics(names)
    const wanted = topics.flatMap(({ name, topic }) =>
      topic === null ? [] : [{ name, count: to ?? topic.partitions.length + options.num }],
    )
    const missing = topics.filter((t) => t.error !== null).map(({ name, error }) => ({ name, error, partitions: -1 }))
    const results =
      wanted.length === 0 ? [] : await admin.createPartitions(wanted, { validateOnly: options.dryRun === true })
    const items = [...missing, ...results.map((r, i) => ({ ...r, partitions: wanted[i].count }))]
    if (items.length === 0) return exitCodes.ok
    return report(context, items, (r) =>
      options.dryRun ? `${r.name} could have ${r.partitions} partitions` : `${r.name} has ${r.partitions} partitions`,
    )
  },
}
