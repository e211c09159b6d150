import { array, int8, int16, int32, string, struct } from '../codec/fields.ts'
import { request, response } from '../codec/message.ts'

/** Hands in the description of a topology, for people and tools to look at (KIP-1331). */
const shape = { key: 93, name: 'StreamsGroupTopologyDescriptionUpdate', versions: '0', flexible: '0+' } as const

const topologyDescriptionNode = {
  name: string(),
  /** 1: source; 2: processor; 3: sink. */
  nodeType: int8(),
  sourceTopics: array(string(), { entity: 'topicName' }),
  sinkTopic: string({ nullable: '0+', default: null, entity: 'topicName' }),
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

export const StreamsGroupTopologyDescriptionUpdateRequest = request(shape, () => ({
  groupId: string({ entity: 'groupId' }),
  memberId: string(),
  topologyEpoch: int32(),
  topologyDescription: struct(topologyDescription),
}))

export const StreamsGroupTopologyDescriptionUpdateResponse = response(shape, () => ({
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: '0+', default: null }),
}))
