import { array, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/**
 * Finds the broker that coordinates a group, a transactional id or a share partition. From version 4 on several keys of
 * one type at once.
 */
const shape = { key: 10, name: 'FindCoordinator', versions: '0-6', flexible: '3+' } as const

export const FindCoordinatorRequest = request(shape, () => ({
  key: string({ v: '0-3' }),
  /** 0: group; 1: transaction; 2: share state, with keys `groupId:topicId:partition` (version 6). */
  keyType: int8({ v: '1+' }),
  coordinatorKeys: array(string(), { v: '4+' }),
}))

export const FindCoordinatorResponse = response(shape, () => ({
  throttleTimeMs: int32({ v: '1+', ignorable: true }),
  /** Versions 0 to 3 answer about the one key here, later ones per coordinator. */
  errorCode: int16({ v: '0-3' }),
  errorMessage: string({ v: '1-3', nullable: '1-3', ignorable: true }),
  nodeId: int32({ v: '0-3', entity: 'brokerId' }),
  host: string({ v: '0-3' }),
  port: int32({ v: '0-3' }),
  coordinators: array(
    {
      key: string(),
      nodeId: int32({ entity: 'brokerId' }),
      host: string(),
      port: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: '4+', ignorable: true }),
    },
    { v: '4+' },
  ),
}))
