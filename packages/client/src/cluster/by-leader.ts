import type { Connection } from '@ottla/net'
import { backOffMs } from '@ottla/net'
import { ErrorCode, errorInfo } from '@ottla/protocol'
import { BrokerError, KafkaError, UnknownTopicError } from '../errors.ts'
import type { Cluster } from './cluster.ts'
import { sleep } from './retry.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** One partition's outcome. */
export type Settled<T> =
  | { readonly value: T; readonly error: null }
  | { readonly value: null; readonly error: KafkaError }

/** The broker's error for one item. */
export class Refusal {
  readonly errorCode: number

  constructor(errorCode: number) {
    this.errorCode = errorCode
  }
}

/**
 * Asks the leader of each partition, all partitions of a leader in one request, and asks again, after fresh metadata,
 * for those that failed with a retriable error, until the client's `apiTimeoutMs` is over.
 *
 * `ask` returns one entry for each of `items`: a `Refusal`, or the value.
 */
export async function askLeaders<I extends TopicPartition, T>(
  cluster: Cluster,
  items: readonly I[],
  ask: (connection: Connection, items: readonly I[]) => Promise<readonly (T | Refusal)[]>,
): Promise<Settled<T>[]> {
  const { metadata, pool, deps, settings } = cluster
  const results = new Array<Settled<T> | null>(items.length).fill(null)
  const untilMs = deps.clock.monotonicMs() + settings.apiTimeoutMs
  let open = items.map((_, i) => i)
  for (let tried = 0; open.length > 0; tried++) {
    const failures = new Map<number, KafkaError>()
    const byLeader = new Map<number, number[]>()
    for (const i of open) {
      const { topic, partition } = items[i]
      try {
        const info = (await metadata.topic(topic)).partitions[partition]
        if (info === undefined) results[i] = { value: null, error: new UnknownTopicError(topic, partition) }
        else if (info.leaderId < 0) failures.set(i, leaderless(topic, partition))
        else (byLeader.get(info.leaderId) ?? setAndGet(byLeader, info.leaderId)).push(i)
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        results[i] = { value: null, error }
      }
    }
    await Promise.all(
      [...byLeader].map(async ([leaderId, indexes]) => {
        try {
          const connection = await pool.get(leaderId, 'general')
          const answers = await ask(
            connection,
            indexes.map((i) => items[i]),
          )
          indexes.forEach((i, at) => {
            const answer = answers[at]
            if (answer instanceof Refusal) {
              const { topic, partition } = items[i]
              failures.set(i, new BrokerError(answer.errorCode, `partition ${topic}-${partition}`))
              if (errorInfo(answer.errorCode)?.refreshMetadata) metadata.doubt(topic)
            } else {
              results[i] = { value: answer, error: null }
            }
          })
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error
          for (const i of indexes) {
            failures.set(i, error)
            metadata.doubt(items[i].topic)
          }
        }
      }),
    )
    const waitMs = backOffMs(tried, deps.random, settings.backOff)
    const over = deps.clock.monotonicMs() + waitMs >= untilMs
    for (const [i, error] of failures) if (over || !error.retriable) results[i] = { value: null, error }
    open = open.filter((i) => results[i] === null)
    if (open.length === 0) break
    for (const i of open) metadata.doubt(items[i].topic)
    await sleep(deps.timers, waitMs)
  }
  return results as Settled<T>[]
}

export function leaderless(topic: string, partition: number): BrokerError {
  return new BrokerError(ErrorCode.LEADER_NOT_AVAILABLE, `partition ${topic}-${partition}`)
}

function setAndGet(map: Map<number, number[]>, key: number): number[] {
  const list: number[] = []
  map.set(key, list)
  return list
}
