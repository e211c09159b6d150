import { array, boolean, int8, int16, int32, string } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** The brokers, or from version 1 on the controllers, without any topic. */
const shape = { key: 60, name: 'DescribeCluster', versions: '0-2', flexible: '0+' } as const

export const DescribeClusterRequest = request(shape, () => ({
  includeClusterAuthorizedOperations: boolean(),
  /** 1: brokers; 2: controllers. */
  endpointType: int8({ v: '1+', default: 1 }),
  /** Brokers that are registered but not (yet) serving. */
  includeFencedBrokers: boolean({ v: '2+' }),
}))

export const DescribeClusterResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+', default: null }),
  endpointType: int8({ v: '1+', default: 1 }),
  clusterId: string(),
  controllerId: int32({ default: -1, entity: 'brokerId' }),
  brokers: array({
    brokerId: int32({ entity: 'brokerId', key: true }),
    host: string(),
    port: int32(),
    rack: string({ nullable: '0+', default: null }),
    isFenced: boolean({ v: '2+' }),
  }),
  /** One bit per `AclOperation` code; the minimum int32 if not asked for. */
  clusterAuthorizedOperations: int32({ default: -0x80000000 }),
}))
