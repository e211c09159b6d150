import { ErrorCode } from '@ottla/protocol'
import { findCoordinatorApi } from '../apis.ts'
import { BrokerError } from '../errors.ts'
import type { Cluster } from './cluster.ts'

const keyTypes = { group: 0, transaction: 1 } as const

export type CoordinatorKind = keyof typeof keyTypes

/** The first version that asks for several keys at once. */
const BATCHED = 4
/** The first version that asks for anything but groups. */
const KEY_TYPES = 1

/**
 * Asks any broker, once, which broker coordinates a group or a transactional id; a connection to it can then be had of
 * the pool. Rejects with a `KafkaError`, retriable where asking again may help.
 */
export async function findCoordinator(cluster: Cluster, kind: CoordinatorKind, key: string): Promise<number> {
  const { pool, metadata } = cluster
  const connection = await pool.any()
  const version = connection.versions.pick(findCoordinatorApi)
  const what = `coordinator of the ${kind === 'group' ? 'group' : 'transactional id'} ${key}`
  if (version < KEY_TYPES && kind !== 'group') throw new BrokerError(ErrorCode.UNSUPPORTED_VERSION, what)
  const asked = version < BATCHED ? { key } : { coordinatorKeys: [key] }
  const response = await connection.call(findCoordinatorApi, { ...asked, keyType: keyTypes[kind] }, { version })
  const found = version < BATCHED ? response : response.coordinators.find((c) => c.key === key)
  if (found === undefined) throw new BrokerError(ErrorCode.UNKNOWN_SERVER_ERROR, what, 'left out of the response')
  if (found.errorCode !== 0) throw new BrokerError(found.errorCode, what, found.errorMessage)
  const known = pool.broker(found.nodeId)
  if (known === undefined || known.host !== found.host || known.port !== found.port) await metadata.fetch([])
  return found.nodeId
}
