import type { Connection, ResponseOf } from '@ottla/net'
import { ErrorCode } from '@ottla/protocol'
import { findCoordinatorApi } from '../apis.ts'
import { BrokerError, KafkaError } from '../errors.ts'
import type { Cluster } from './cluster.ts'

const keyTypes = { group: 0, transaction: 1 } as const

export type CoordinatorKind = keyof typeof keyTypes

/** The first version that asks for several keys at once. */
const BATCHED = 4
/** The first version that asks for anything but groups. */
const KEY_TYPES = 1

/** What a response says of one key. */
type Found = Pick<
  ResponseOf<typeof findCoordinatorApi>['coordinators'][number],
  'errorCode' | 'errorMessage' | 'nodeId' | 'host' | 'port'
>

/**
 * Asks any broker, once, which brokers coordinate groups or transactional ids; connections to them can then be had of the pool.
 * By key the node id, or why there is none; brokers that know only one key at a time are asked one by one. Rejects with a
 * `KafkaError` when there was no answer.
 */
export async function findCoordinators(
  cluster: Cluster,
  kind: CoordinatorKind,
  keys: readonly string[],
): Promise<Map<string, number | KafkaError>> {
  const { pool, metadata } = cluster
  const connection = await pool.any()
  const answers = await ask(connection, kind, keys)
  const found = new Map<string, number | KafkaError>()
  let isStale = false
  for (const key of keys) {
    const answer = answers.get(key)
    const what = `coordinator of the ${kind === 'group' ? 'group' : 'transactional id'} ${key}`
    if (answer === undefined) {
      found.set(key, new BrokerError(ErrorCode.UNKNOWN_SERVER_ERROR, what, 'left out of the response'))
    } else if (answer.errorCode !== 0) found.set(key, new BrokerError(answer.errorCode, what, answer.errorMessage))
    // A broker that has no coordinator to name says so with id -1 as well.
    else if (answer.nodeId < 0) found.set(key, new BrokerError(ErrorCode.COORDINATOR_NOT_AVAILABLE, what))
    else {
      found.set(key, answer.nodeId)
      const known = pool.broker(answer.nodeId)
      isStale ||= known === undefined || known.host !== answer.host || known.port !== answer.port
    }
  }
  if (isStale) await metadata.fetch([])
  return found
}

async function ask(
  connection: Connection,
  kind: CoordinatorKind,
  keys: readonly string[],
): Promise<Map<string, Found>> {
  const version = connection.versions.pick(findCoordinatorApi)
  const keyType = keyTypes[kind]
  if (version >= BATCHED) {
    const { coordinators } = await connection.call(findCoordinatorApi, { coordinatorKeys: keys, keyType }, { version })
    return new Map(coordinators.map((coordinator) => [coordinator.key, coordinator]))
  }
  const found = new Map<string, Found>()
  for (const key of keys) {
    if (version < KEY_TYPES && kind !== 'group') {
      const { UNSUPPORTED_VERSION: errorCode } = ErrorCode
      found.set(key, { errorCode, errorMessage: null, nodeId: -1, host: '', port: -1 })
    } else found.set(key, await connection.call(findCoordinatorApi, { key, keyType }, { version }))
  }
  return found
}

/** As `findCoordinators`, for one key; rejects with what is said of it, retriable where asking again may help. */
export async function findCoordinator(cluster: Cluster, kind: CoordinatorKind, key: string): Promise<number> {
  const found = (await findCoordinators(cluster, kind, [key])).get(key) as number | KafkaError
  if (found instanceof KafkaError) throw found
  return found
}
