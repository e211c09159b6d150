import { array, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Moves replicas between the log directories of one broker (KIP-113). */
const shape = { key: 34, name: 'AlterReplicaLogDirs', versions: '0-2', flexible: '2+' } as const

export const AlterReplicaLogDirsRequest = request(shape, () => ({
  dirs: array({
    /** Absolute path of the directory to move to. */
    path: string({ key: true }),
    topics: array({
      name: string({ entity: 'topicName', key: true }),
      partitions: array(int32()),
    }),
  }),
}))

export const AlterReplicaLogDirsResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  results: array({
    topicName: string({ entity: 'topicName' }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
    }),
  }),
}))
