import type { Command } from 'commander'
import { type CommandContext, type CommandModule, UsageError } from '../../command.ts'
import { append } from '../../globals.ts'
import { parsePartitions } from '../../partition-list.ts'
import { failuresOf } from '../group/shared.ts'
import { addTopicAlias, someTopics } from '../topic/shared.ts'

export const command: CommandModule = {
  completes: 'topics',

  configure(command: Command): void {
    command
      .argument('[topic...]', 'topics whose partitions to look at')
      .option('-p, --partition <n>', 'only this partition; may be repeated, or 0,2,5-7', append)
      .option('--open', 'only producers with an open transaction')
    addTopicAlias(command)
    command.addHelpText(
      'after',
      `
OPEN SINCE is the offset where a producer's open transaction begins: readers of
committed records wait there. \`ottla txn abort TOPIC -p N --start-offset THAT\`
ends one that its coordinator no longer knows.

Examples:
  ottla txn producers orders
  ottla txn producers orders -p 3 --open`,
    )
  },

  async run(context: CommandContext): Promise<number> {
    const { options, output } = context
    const wanted = parsePartitions(options.partition)
    const topics = someTopics(context)
    const { admin } = await context.kafka()
    const described = await admin.describeTopics(topics)
    const partitions = described.flatMap(({ name, topic }) =>
      (topic?.partitions ?? []).flatMap(({ partition }) =>
        wanted === null || wanted.includes(partition) ? [{ topic: name, partition }] : [],
      ),
    )
    if (partitions.length === 0 && described.every((d) => d.error === null)) {
      throw new UsageError('the topics have no such partitions')
    }
    const asked = await admin.describeProducers(partitions)
    const rows = asked.flatMap(({ topic, partition, producers }) =>
      producers
        .filter((producer) => !options.open || producer.txnStartOffset !== null)
        .map((producer) => ({ topic, partition, ...producer })),
    )
    if (rows.length > 0 || output.format !== 'table') {
      await output.rows(
        rows,
        [
          { title: 'topic', value: (r) => r.topic },
          { title: 'partition', value: (r) => r.partition, align: 'right' },
          { title: 'producer', value: (r) => r.producerId, align: 'right' },
          { title: 'epoch', value: (r) => r.producerEpoch, align: 'right' },
          { title: 'sequence', value: (r) => (r.lastSequence < 0 ? null : r.lastSequence), align: 'right' },
          { title: 'last record', value: (r) => (r.lastTimestamp < 0 ? null : output.time(r.lastTimestamp)) },
          { title: 'open since', value: (r) => r.txnStartOffset, align: 'right' },
        ],
        (row) => ({ ...row, lastTime: row.lastTimestamp < 0 ? null : output.time(row.lastTimestamp) }),
      )
    } else if (process.stderr.isTTY) {
      process.stderr.write(options.open ? 'no transaction is open there\n' : 'no producer is remembered there\n')
    }
    const errors = [...described, ...asked].flatMap(({ error }) => (error === null ? [] : [error]))
    return failuresOf(errors, Math.max(topics.length, partitions.length))
  },
}
