import { array, boolean, int8, int16, int32, int64, string, struct, uint16 } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** State, topology and members of streams groups. */
const shape = { key: 89, name: 'StreamsGroupDescribe', versions: '0-1', flexible: '0+' } as const

const endpoint = {
  host: string(),
  port: uint16(),
}

const taskOffset = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
}

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
}

const assignment = {
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds),
}

const keyValue = {
  key: string(),
  value: string(),
}

const topicInfo = {
  name: string({ entity: 'topicName' }),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(keyValue),
}

const topologyDescriptionNode = {
  name: string(),
  /** 1: source; 2: processor; 3: sink. */
  nodeType: int8(),
  sourceTopics: array(string(), { entity: 'topicName' }),
  sinkTopic: string({ nullable: '1+', default: null, entity: 'topicName' }),
  stores: array(string()),
  successors: array(string()),
}

const topologyDescriptionSubtopology = {
  subtopologyId: string(),
  nodes: array(topologyDescriptionNode),
}

const topologyDescriptionGlobalStore = {
  source: struct(topologyDescriptionNode),
  processor: struct(topologyDescriptionNode),
}

const topologyDescription = {
  subtopologies: array(topologyDescriptionSubtopology),
  globalStores: array(topologyDescriptionGlobalStore),
}

export const StreamsGroupDescribeRequest = request(shape, () => ({
  groupIds: array(string(), { entity: 'groupId' }),
  includeAuthorizedOperations: boolean(),
  includeTopologyDescription: boolean({ v: '1+' }),
}))

export const StreamsGroupDescribeResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  groups: array({
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
    groupId: string({ entity: 'groupId' }),
    /** `Empty`, `NotReady`, `Assigning`, `Reconciling`, `Stable` or `Dead`. */
    groupState: string(),
    groupEpoch: int32(),
    assignmentEpoch: int32(),
    topology: struct(
      {
        epoch: int32(),
        /** With all topics known and counted; null before that. */
        subtopologies: array(
          {
            subtopologyId: string(),
            sourceTopics: array(string(), { entity: 'topicName' }),
            repartitionSinkTopics: array(string(), { entity: 'topicName' }),
            stateChangelogTopics: array(topicInfo),
            repartitionSourceTopics: array(topicInfo),
          },
          { nullable: '0+', default: null },
        ),
      },
      { nullable: '0+', default: null },
    ),
    members: array({
      memberId: string(),
      memberEpoch: int32(),
      instanceId: string({ nullable: '0+', default: null }),
      rackId: string({ nullable: '0+', default: null }),
      clientId: string(),
      clientHost: string(),
      topologyEpoch: int32(),
      processId: string(),
      userEndpoint: struct(endpoint, { nullable: '0+', default: null }),
      clientTags: array(keyValue),
      taskOffsets: array(taskOffset),
      taskEndOffsets: array(taskOffset),
      assignment: struct(assignment),
      targetAssignment: struct(assignment),
      isClassic: boolean(),
    }),
    /** One bit per `AclOperation` code; the minimum int32 if not asked for. */
    authorizedOperations: int32({ default: -0x80000000 }),
    topologyDescription: struct(topologyDescription, { v: '1+', nullable: '1+', default: null }),
    /** 0: not asked for; 1: not stored; 2: cannot be read now; 3: here. */
    topologyDescriptionStatus: int8({ v: '1+' }),
    /** The one that computes the next assignment. */
    assignorName: string({ v: '1+', nullable: '1+', default: null, ignorable: true }),
  }),
}))
