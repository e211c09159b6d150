import { array, boolean, int16, int32, string, struct, uuid } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** State and members of share groups. */
const shape = { key: 77, name: 'ShareGroupDescribe', versions: '1', flexible: '0+' } as const

const topicPartitions = {
  topicId: uuid(),
  topicName: string({ entity: 'topicName' }),
  partitions: array(int32()),
}

const assignment = {
  topicPartitions: array(topicPartitions),
}

export const ShareGroupDescribeRequest = request(shape, () => ({
  groupIds: array(string(), { entity: 'groupId' }),
  includeAuthorizedOperations: boolean(),
}))

export const ShareGroupDescribeResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  groups: array({
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
    groupId: string({ entity: 'groupId' }),
    /** `Empty`, `Stable` or `Dead`. */
    groupState: string(),
    groupEpoch: int32(),
    assignmentEpoch: int32(),
    assignorName: string(),
    members: array({
      memberId: string(),
      rackId: string({ nullable: '0+', default: null }),
      memberEpoch: int32(),
      clientId: string(),
      clientHost: string(),
      subscribedTopicNames: array(string(), { entity: 'topicName' }),
      assignment: struct(assignment),
    }),
    /** One bit per `AclOperation` code; the minimum int32 if not asked for. */
    authorizedOperations: int32({ default: -0x80000000 }),
  }),
}))
