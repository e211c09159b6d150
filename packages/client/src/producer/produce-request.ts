import type { Connection, RequestOf } from '@ottla/net'
import { ErrorCode, type MessageOf, type ProduceResponse } from '@ottla/protocol'
import { PRODUCE_TOPIC_IDS, produceApi } from '../apis.ts'
import { BrokerError } from '../errors.ts'
import type { ProducerBatch } from './batch.ts'
import type { ProducerSettings } from './options.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { TransactionGate } from './transaction/gate.ts'

export type ProduceAnswer = MessageOf<typeof ProduceResponse>
export type PartitionAnswer = ProduceAnswer['responses'][number]['partitionResponses'][number]

/** A batch under way. */
export interface Sent {
  readonly queue: PartitionQueue
  readonly batch: ProducerBatch
}

/** Of a transaction whose leaders enter their partitions into it by themselves (KIP-890); below, they must be there. */
const PRODUCE_IMPLICIT = 12

/** `named`: not all topics have an id. Throws a `KafkaError` when the broker has no version that will do. */
export function produceVersion(connection: Connection, gate: TransactionGate | null, named: boolean): number {
  const max = named ? PRODUCE_TOPIC_IDS - 1 : undefined
  if (gate === null) return connection.versions.pick(produceApi, max)
  if (!gate.isImplicit) return connection.versions.pick(produceApi, PRODUCE_IMPLICIT - 1)
  const version = connection.versions.pick(produceApi, max)
  if (version >= PRODUCE_IMPLICIT) return version
  const detail = `the broker at ${connection.peer} is too old for transactions as the coordinator runs them (KIP-890)`
  throw new BrokerError(ErrorCode.UNSUPPORTED_VERSION, 'Produce', detail)
}

/** `ids`: of each topic its id, null where it has none. */
export function produceRequest(
  sent: readonly Sent[],
  ids: ReadonlyMap<string, string | null>,
  settings: ProducerSettings,
  gate: TransactionGate | null,
): RequestOf<typeof produceApi> {
  return {
    transactionalId: gate?.transactionalId ?? null,
    acks: settings.acks,
    timeoutMs: settings.ackTimeoutMs,
    topicData: [...Map.groupBy(sent, (s) => s.queue.topic)].map(([name, some]) => ({
      name,
      topicId: ids.get(name) ?? undefined,
      partitionData: some.map(({ queue, batch }) => ({ index: queue.partition, records: batch.bytes as Buffer })),
    })),
  }
}

/** Calls `each` once for every batch: with its answer, or null if the broker has left it out. */
export function matchAnswers(
  sent: readonly Sent[],
  response: ProduceAnswer,
  ids: ReadonlyMap<string, string | null>,
  each: (sent: Sent, answer: PartitionAnswer | null) => void,
): void {
  const answered = new Set<Sent>()
  // The broker answers in the order of the request; looking there first spares the search.
  let guess = 0
  for (const topic of response.responses) {
    for (const p of topic.partitionResponses) {
      const fits = (s: Sent | undefined) =>
        s !== undefined &&
        s.queue.partition === p.index &&
        (s.queue.topic === topic.name || (topic.name === '' && ids.get(s.queue.topic) === topic.topicId))
      const found = fits(sent[guess]) ? sent[guess] : sent.find(fits)
      if (found === undefined || answered.has(found)) continue
      guess += 1
      answered.add(found)
      each(found, p)
    }
  }
  for (const one of sent) if (!answered.has(one)) each(one, null)
}
