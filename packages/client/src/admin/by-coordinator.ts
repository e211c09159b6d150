import type { Connection } from '@ottla/net'
import { backOffMs } from '@ottla/net'
import type { Settled } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { type CoordinatorKind, findCoordinators } from '../cluster/coordinators.ts'
import { sleep } from '../cluster/retry.ts'
import { KafkaError } from '../errors.ts'
import { asKafkaError, leftOut } from './results.ts'

/**
 * Asks the coordinator of each group or transactional id, all of one coordinator in one call of `ask`, and looks for the
 * coordinator and asks again for those that failed with a retriable error (NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
 * COORDINATOR_LOAD_IN_PROGRESS and whatever else may pass) until the client's `apiTimeoutMs` is over.
 *
 * `ask` returns one entry for each of `keys`: an error, or the value. Rejects when no broker can be reached at all.
 */
export async function askCoordinators<T>(
  cluster: Cluster,
  kind: CoordinatorKind,
  keys: readonly string[],
  ask: (connection: Connection, keys: readonly string[], coordinatorId: number) => Promise<readonly (T | KafkaError)[]>,
): Promise<Settled<T>[]> {
  const { pool, metadata, deps, settings } = cluster
  const results = new Array<Settled<T> | null>(keys.length).fill(null)
  const untilMs = deps.clock.monotonicMs() + settings.apiTimeoutMs
  let open = keys.map((_, i) => i)
  for (let tried = 0; open.length > 0; tried++) {
    const failures = new Map<number, KafkaError>()
    const settle = (i: number, answer: T | KafkaError) => {
      if (answer instanceof KafkaError) failures.set(i, answer)
      else results[i] = { value: answer, error: null }
    }
    const found = await metadata.retrying(() => findCoordinators(cluster, kind, [...new Set(open.map((i) => keys[i]))]))
    const byCoordinator = new Map<number, number[]>()
    for (const i of open) {
      const coordinator = found.get(keys[i]) ?? leftOut(keys[i])
      if (coordinator instanceof KafkaError) failures.set(i, coordinator)
      else byCoordinator.set(coordinator, [...(byCoordinator.get(coordinator) ?? []), i])
    }
    await Promise.all(
      [...byCoordinator].map(async ([coordinatorId, indexes]) => {
        try {
          const connection = await pool.get(coordinatorId, 'general')
          const some = indexes.map((i) => keys[i])
          const answers = await ask(connection, some, coordinatorId)
          indexes.forEach((i, at) => {
            settle(i, answers[at])
          })
        } catch (error) {
          for (const i of indexes) failures.set(i, asKafkaError(error))
        }
      }),
    )
    const waitMs = backOffMs(tried, deps.random, settings.backOff)
    const over = deps.clock.monotonicMs() + waitMs >= untilMs
    for (const [i, error] of failures) if (over || !error.retriable) results[i] = { value: null, error }
    open = open.filter((i) => results[i] === null)
    if (open.length > 0) await sleep(deps.timers, waitMs)
  }
  return results as Settled<T>[]
}

/** As `askCoordinators`, for one key; rejects with its error. */
export async function askCoordinator<T>(
  cluster: Cluster,
  kind: CoordinatorKind,
  key: string,
  ask: (connection: Connection) => Promise<T | KafkaError>,
): Promise<T> {
  const [{ value, error }] = await askCoordinators(cluster, kind, [key], async (connection) => [await ask(connection)])
  if (error !== null) throw error
  return value
}
