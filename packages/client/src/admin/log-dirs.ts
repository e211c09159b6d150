import { describeLogDirsApi } from '../apis.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { BrokerError, type KafkaError } from '../errors.ts'
import { toBroker } from './routing.ts'

export interface LogDirReplica {
  readonly topic: string
  readonly partition: number
  readonly sizeBytes: number
  readonly offsetLag: number
  /** Being moved here from another directory. */
  readonly isFuture: boolean
}

export interface LogDir {
  readonly brokerId: number
  readonly path: string
  /** Bytes of the volume; -1 if the broker does not say. */
  readonly totalBytes: number
  readonly usableBytes: number
  readonly replicas: readonly LogDirReplica[]
  /** Of the directory, e.g. offline. */
  readonly error: KafkaError | null
}

/** The log directories of these brokers; those that cannot be asked fail the call. */
export async function describeLogDirs(
  cluster: Cluster,
  ids: readonly number[],
  names: readonly string[] | undefined,
): Promise<LogDir[]> {
  const topics =
    names === undefined
      ? null
      : await Promise.all(
          names.map(async (topic) => {
            const info = await cluster.metadata.topic(topic)
            return { topic, partitions: info.partitions.map((p) => p.partition) }
          }),
        )
  const perBroker = await Promise.all(
    ids.map(async (brokerId) => {
      const response = await cluster.metadata.retrying(async () => {
        const connection = await toBroker(cluster, brokerId)
        return connection.call(describeLogDirsApi, { topics })
      })
      if (response.errorCode !== 0) throw new BrokerError(response.errorCode, `log directories of broker ${brokerId}`)
      return response.results.map((r) => ({
        brokerId,
        path: r.logDir,
        totalBytes: r.totalBytes,
        usableBytes: r.usableBytes,
        error: r.errorCode === 0 ? null : new BrokerError(r.errorCode, `directory ${r.logDir} of broker ${brokerId}`),
        replicas: r.topics
          .flatMap((t) =>
            t.partitions.map((p) => ({
              topic: t.name,
              partition: p.partitionIndex,
              sizeBytes: p.partitionSize,
              offsetLag: p.offsetLag,
              isFuture: p.isFutureKey,
            })),
          )
          .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1)),
      }))
    }),
  )
  return perBroker.flat()
}
