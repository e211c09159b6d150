import type { Connection } from '@ottla/net'
import { ErrorCode } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { BrokerError, KafkaError } from '../errors.ts'
import { asKafkaError } from './results.ts'

/** Rejects at once when the cluster has no such broker. */
export async function toBroker(cluster: Cluster, id: number): Promise<Connection> {
  await cluster.metadata.fetch([])
  if (cluster.pool.broker(id) === undefined) throw new KafkaError('BROKER_NOT_AVAILABLE', `there is no broker ${id}`)
  return cluster.pool.get(id, 'general')
}

/** Brokers of a ZooKeeper cluster do not forward to the controller; those of a KRaft cluster name any of them. */
export async function onController<T extends object>(
  cluster: Cluster,
  ask: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { metadata, pool } = cluster
  return metadata.retrying(async () => {
    if (metadata.controllerId < 0) await metadata.fetch([])
    const connection = await (metadata.controllerId < 0 ? pool.any() : pool.get(metadata.controllerId, 'general'))
    try {
      const response = await ask(connection)
      if (namesNotController(response)) {
        metadata.controllerId = -1
        throw new BrokerError(ErrorCode.NOT_CONTROLLER, `broker at ${connection.peer}`)
      }
      return response
    } catch (error) {
      if (error instanceof KafkaError && error.retriable) metadata.controllerId = -1
      throw error
    }
  })
}

/** Why one broker's part of an answer is missing. */
export interface BrokerFailure {
  readonly brokerId: number
  readonly error: KafkaError
}

/** Asks every broker for its part of a list. Those that fail are named; when all do, that is the call's failure. */
export async function onEachBroker<T>(
  cluster: Cluster,
  ask: (connection: Connection, brokerId: number) => Promise<readonly T[]>,
): Promise<{ items: T[]; failures: BrokerFailure[] }> {
  const { metadata, pool } = cluster
  const { brokers } = await metadata.fetch([])
  const failures: BrokerFailure[] = []
  const answers = await Promise.all(
    brokers.map(async ({ nodeId }) => {
      try {
        return await metadata.retrying(async () => ask(await pool.get(nodeId, 'general'), nodeId))
      } catch (error) {
        failures.push({ brokerId: nodeId, error: asKafkaError(error) })
        return []
      }
    }),
  )
  if (failures.length > 0 && failures.length === brokers.length) throw failures[0].error
  return { items: answers.flat(), failures: failures.sort((a, b) => a.brokerId - b.brokerId) }
}

function namesNotController(response: object): boolean {
  return Object.values(response).some(
    (list) => Array.isArray(list) && list.some((i) => i?.errorCode === ErrorCode.NOT_CONTROLLER),
  )
}
