import type { Admin, ProducerState } from '@ottla/client'
import type { Command } from 'commander'
import { type CommandContext, CommandError, type CommandModule, UsageError } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden } from '../../globals.ts'
import { report, wholeNumber } from '../topic/shared.ts'
import { addIdAlias, someIds } from './shared.ts'

export const command: CommandModule = {
  completes: 'transactions',

  configure(command: Command): void {
    command
      .argument('[name...]', 'transactional ids, or with -p the topic of a transaction that hangs')
      .option('-p, --partition <n>', 'partition of the hanging transaction', wholeNumber('--partition', 0))
      .option('--start-offset <n>', 'where it begins there', wholeNumber('--start-offset', 0))
      .option('--producer-id <id>', 'or whose it is', wholeNumber('--producer-id', 0))
    addIdAlias(command)
    addHidden(command, '--topic <name>')
    addHidden(command, '--producer-epoch <n>', wholeNumber('--producer-epoch', 0, 32_767) as never)
    addHidden(command, '--coordinator-epoch <n>', wholeNumber('--coordinator-epoch', -1) as never)
    command.addHelpText(
      'after',
      `
By its id, an open transaction is aborted through its coordinator, and its
producer is fenced: whatever it does next fails.

A transaction hangs when a partition still waits for its end though the
coordinator has ended or forgotten it: \`ottla txn producers TOPIC --open\` shows
it, \`ottla txn list\` does not. With -p its end is written straight into that
partition. That loses the records of a transaction that is alive, so make sure
first that it is not.

Examples:
  ottla txn abort payments-1
  ottla txn abort orders -p 3 --start-offset 1200
  ottla txn abort orders -p 3 --producer-id 4001`,
    )
  },

  async run(context: CommandContext): Promise<number> {
    const { options, args } = context
    if (options.topic === undefined && options.partition === undefined) {
      if (options.startOffset !== undefined || options.producerId !== undefined) {
        throw new UsageError('name the topic and with -p the partition of the hanging transaction')
      }
      return abortById(context, someIds(context))
    }
    const topics = [...args, ...(options.topic === undefined ? [] : [options.topic as string])]
    if (topics.length !== 1) throw new UsageError('-p takes the name of one topic')
    if (options.partition === undefined) throw new UsageError('-p says which partition')
    if (options.startOffset === undefined && options.producerId === undefined) {
      throw new UsageError('--start-offset or --producer-id says which transaction; `ottla txn producers` shows both')
    }
    return abortHanging(context, topics[0], options.partition)
  },
}

async function abortById(context: CommandContext, ids: readonly string[]): Promise<number> {
  const { admin } = await context.kafka()
  const described = await admin.describeTransactions(ids)
  const open = described.flatMap(({ transaction }) => (transaction?.state === 'Ongoing' ? [transaction] : []))
  const fenced = await admin.fenceProducers(open.map((t) => t.transactionalId))
  const items = described.map(({ name, error, transaction }) => ({
    name,
    state: transaction?.state ?? null,
    aborted: fenced.some((f) => f.name === name && f.error === null),
    error: error ?? fenced.find((f) => f.name === name)?.error ?? null,
  }))
  return report(context, items, ({ name, state, aborted }) =>
    aborted ? `aborted the transaction of ${name}` : `${name} has no open transaction (${state})`,
  )
}

async function abortHanging(context: CommandContext, topic: string, partition: number): Promise<number> {
  const { admin } = await context.kafka()
  const at = { topic, partition }
  const producer = given(context) ?? (await findOpen(admin, at, context))
  await admin.abortTransaction({ ...at, ...producer })
  const name = `${topic}-${partition}`
  const item = { name, producerId: producer.producerId, aborted: true, error: null }
  return report(context, [item], () => `aborted the transaction of producer ${producer.producerId} in ${name}`)
}

type Producer = Pick<ProducerState, 'producerId' | 'producerEpoch' | 'coordinatorEpoch'>

/** All three numbers, which Apache Kafka's tool asks for where the broker cannot be asked for its producers. */
function given({ options }: CommandContext): Producer | null {
  const { producerId, producerEpoch, coordinatorEpoch } = options
  if (producerEpoch === undefined && coordinatorEpoch === undefined) return null
  if (producerId === undefined || producerEpoch === undefined || coordinatorEpoch === undefined) {
    throw new UsageError('--producer-id, --producer-epoch and --coordinator-epoch are given together')
  }
  return { producerId, producerEpoch, coordinatorEpoch }
}

async function findOpen(
  admin: Admin,
  at: { readonly topic: string; readonly partition: number },
  { options }: CommandContext,
): Promise<Producer> {
  const [{ producers, error }] = await admin.describeProducers([at])
  if (error !== null) throw error
  const { startOffset, producerId } = options
  const found = producers.find(
    (p) =>
      p.txnStartOffset !== null &&
      (startOffset === undefined || p.txnStartOffset === startOffset) &&
      (producerId === undefined || p.producerId === producerId),
  )
  if (found !== undefined) return found
  const which = startOffset === undefined ? `of producer ${producerId}` : `that begins at ${startOffset}`
  const open = producers.flatMap((p) => (p.txnStartOffset === null ? [] : [p.txnStartOffset]))
  const instead = open.length === 0 ? 'none is open there' : `open ones begin at ${open.join(', ')}`
  throw new CommandError(`${at.topic}-${at.partition} has no open transaction ${which}: ${instead}`, exitCodes.notFound)
}
