import { array, boolean, int8, int16, int32, string, struct, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** State and members of KIP-848 groups. */
const shape = { key: 69, name: 'ConsumerGroupDescribe', versions: '0-1', flexible: '0+' } as const

const topicPartitions = {
  topicId: uuid(),
  topicName: string({ entity: 'topicName' }),
  partitions: array(int32()),
}

const assignment = {
  topicPartitions: array(topicPartitions),
}

export const ConsumerGroupDescribeRequest = request(shape, () => ({
  groupIds: array(string(), { entity: 'groupId' }),
  includeAuthorizedOperations: boolean(),
}))

export const ConsumerGroupDescribeResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  groups: array({
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
    groupId: string({ entity: 'groupId' }),
    /** `Empty`, `Assigning`, `Reconciling`, `Stable` or `Dead`. */
    groupState: string(),
    groupEpoch: int32(),
    /** Group epoch for which the target assignment was computed. */
    assignmentEpoch: int32(),
    assignorName: string(),
    members: array({
      memberId: string(),
      instanceId: string({ nullable: '0+', default: null }),
      rackId: string({ nullable: '0+', default: null }),
      memberEpoch: int32(),
      clientId: string(),
      clientHost: string(),
      subscribedTopicNames: array(string(), { entity: 'topicName' }),
      subscribedTopicRegex: string({ nullable: '0+', default: null }),
      assignment: struct(assignment),
      targetAssignment: struct(assignment),
      /** 0: classic; 1: consumer; -1: unknown. */
      memberType: int8({ v: '1+', default: -1, ignorable: true }),
    }),
    /** One bit per `AclOperation` code; the minimum int32 if not asked for. */
    authorizedOperations: int32({ default: -0x80000000 }),
  }),
}))
