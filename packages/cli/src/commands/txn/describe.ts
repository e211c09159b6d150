import type { TransactionInfo } from '@ottla/client'
import type { Command } from 'commander'
import type { CommandContext, CommandModule } from '../../command.ts'
import { formatTopicPartitions } from '../../partition-list.ts'
import { formatSpan } from '../group/lag.ts'
import { errorData, failuresOf } from '../group/shared.ts'
import { addIdAlias, someIds } from './shared.ts'

export const command: CommandModule = {
  completes: 'transactions',

  configure(command: Command): void {
    command.argument('[id...]', 'transactional ids')
    addIdAlias(command)
    command.addHelpText(
      'after',
      `
OPEN FOR is how long the transaction has been open, TIMEOUT after how long its
coordinator aborts it, PARTITIONS what it has written to.

Examples:
  ottla txn describe payments-1
  ottla txn describe payments-1 payments-2 -o json`,
    )
  },

  async run(context: CommandContext): Promise<number> {
    const { output } = context
    const ids = someIds(context)
    const { admin } = await context.kafka()
    const described = await admin.describeTransactions(ids)
    const nowMs = Date.now()
    const open = ({ startTimeMs }: TransactionInfo) =>
      startTimeMs === null ? null : formatSpan(Math.max(0, nowMs - startTimeMs) / 1000)
    if (output.format !== 'table') {
      await output.data(
        described.map(({ name, transaction, error }) => ({
          transactionalId: name,
          ...transaction,
          ...(transaction === null
            ? {}
            : { startTime: transaction.startTimeMs === null ? null : output.time(transaction.startTimeMs) }),
          error: errorData(error),
        })),
      )
    } else {
      const found = described.flatMap(({ transaction }) => (transaction === null ? [] : [transaction]))
      if (found.length > 0) {
        await output.rows(found, [
          { title: 'transactional id', value: (t) => t.transactionalId },
          { title: 'state', value: (t) => t.state },
          { title: 'producer', value: (t) => t.producerId, align: 'right' },
          { title: 'epoch', value: (t) => t.producerEpoch, align: 'right' },
          { title: 'open for', value: open, align: 'right' },
          { title: 'timeout', value: (t) => formatSpan(t.timeoutMs / 1000), align: 'right' },
          { title: 'coordinator', value: (t) => t.coordinatorId, align: 'right' },
          { title: 'partitions', value: (t) => formatTopicPartitions(t.partitions) },
        ])
      }
    }
    return failuresOf(
      described.flatMap(({ error }) => (error === null ? [] : [error])),
      ids.length,
    )
  },
}
