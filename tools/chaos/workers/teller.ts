/**
 * Moves money: reads requests as a member of a group and writes what they ask for in transactions, a debit and a credit for
 * each, with how far it has read. Some transactions it means to abort, which it says before; it reads their requests again.
 */
import { type ConsumerBatch, Kafka, KafkaError, type Transaction, TransactionError } from '@ottla/client'
import { monotonicMs, type Place } from '../events.ts'
import { config, ending, membershipOf, pause, random, sessionName, tell, tellTrouble } from './worker.ts'

const { topic, ledger, group, partitions, bootstrap, transactionTimeoutMs } = config
const ABORTED_SHARE = 0.15
/** Of transactions, so many stay open for a while with everything written, so that readers come across them. */
const SLOW_SHARE = 0.2
const SLOW_MS = 400
const members = new Set<{ close(): Promise<void> }>()
let transactions = 0

class Regret extends Error {}

interface Leg {
  readonly request: string
  readonly account: number
  readonly amount: number
}

const partitionOf = ({ account }: Leg): number => account % partitions

function legsOf(batch: ConsumerBatch): Leg[] {
  return [...batch].flatMap(({ value }) => {
    const [session, seq, from, to, amount] = Buffer.from(value!).toString().split('|')
    const request = `${session}|${seq}`
    return [
      { request, account: Number(from), amount: -Number(amount) },
      { request, account: Number(to), amount: Number(amount) },
    ]
  })
}

function write(transaction: Transaction, txn: string, legs: readonly Leg[], abort: boolean): Promise<unknown>[] {
  const byPartition = Map.groupBy(legs, partitionOf)
  return legs.map((leg) => {
    const partition = partitionOf(leg)
    const here = byPartition.get(partition)!.length
    const { request, account, amount } = leg
    const value = JSON.stringify([txn, request, account, amount, here, legs.length, abort ? 1 : 0])
    return transaction.send(ledger, { partition, value })
  })
}

/** One client, from its begin until it cannot go on. */
async function session(number: number): Promise<void> {
  await using kafka = new Kafka({ bootstrap, clientId: config.name })
  const producer = kafka.producer({ transactionalId: config.name, transactionTimeoutMs, autoCreateTopics: false })
  await producer.init()
  const consumer = kafka.consumer({
    ...membershipOf('cooperative-sticky'),
    topics: [topic],
    from: 'earliest',
    autoCommit: false,
    isolation: 'read_committed',
    fetchMaxWaitMs: 100,
    async onAssigned(given) {
      const generation = consumer.groupMetadata().generationId
      const t = monotonicMs()
      const committed = await consumer.committed(given)
      const places = given.map(
        ({ partition }): Place => [partition, committed.find((one) => one.partition === partition)?.offset ?? -1],
      )
      tell({ e: 'assign', t, group, generation, places })
    },
    onRevoked(given) {
      tell({ e: 'revoke', t: monotonicMs(), group, partitions: given.map(({ partition }) => partition) })
    },
  })
  members.add(consumer)
  try {
    for await (const batch of consumer.batches()) {
      const { partition, baseOffset } = batch
      const place = { topic, partition }
      const abort = random.chance(ABORTED_SHARE)
      const txn = `${sessionName(number)}.${++transactions}`
      const { generationId: generation } = consumer.groupMetadata()
      tell({ e: 'begin', t: monotonicMs(), txn, group, generation, abort, reads: [[partition, baseOffset]] })
      let t0 = monotonicMs()
      const end = (outcome: 'committed' | 'aborted' | 'failed'): void => {
        const offsets: Place[] = [[partition, batch.lastOffset + 1]]
        tell({ e: 'end', t0, t: monotonicMs(), txn, group, generation, outcome, offsets })
      }
      try {
        await producer.transaction(async (transaction) => {
          const sends = write(transaction, txn, legsOf(batch), abort)
          if (random.chance(SLOW_SHARE)) {
            await Promise.all(sends)
            await pause(random.float() * SLOW_MS)
          }
          t0 = monotonicMs()
          await transaction.sendOffsets(consumer)
          if (abort) throw new Regret()
        })
        end('committed')
      } catch (error) {
        end(error instanceof Regret ? 'aborted' : 'failed')
        if (error instanceof TransactionError && error.fatal) throw error
        if (!(error instanceof Regret)) tellTrouble('transaction', error)
        if (error instanceof KafkaError && error.code === 'COMMIT_UNKNOWN') throw error
        if (ending.signal.aborted) return
        // What has not been committed is read again, if it is still this member's to read.
        if (consumer.assignment().some((one) => one.partition === partition)) consumer.seek(place, baseOffset)
      }
    }
  } finally {
    members.delete(consumer)
  }
}

ending.signal.addEventListener('abort', () => {
  for (const member of members) void member.close()
})
tell({ e: 'ready' })
for (let number = 1; !ending.signal.aborted; number++) {
  try {
    await session(number)
  } catch (error) {
    tellTrouble('teller', error)
    await pause(200)
  }
}
