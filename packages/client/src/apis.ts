import { api } from '@ottla/net'
import * as m from '@ottla/protocol'

/** The APIs this client speaks. */
export const metadataApi = api(m.MetadataRequest, m.MetadataResponse)
export const produceApi = api(m.ProduceRequest, m.ProduceResponse)
export const fetchApi = api(m.FetchRequest, m.FetchResponse)
export const listOffsetsApi = api(m.ListOffsetsRequest, m.ListOffsetsResponse)
export const initProducerIdApi = api(m.InitProducerIdRequest, m.InitProducerIdResponse)
export const apiVersionsApi = api(m.ApiVersionsRequest, m.ApiVersionsResponse)
export const findCoordinatorApi = api(m.FindCoordinatorRequest, m.FindCoordinatorResponse)
export const addPartitionsToTxnApi = api(m.AddPartitionsToTxnRequest, m.AddPartitionsToTxnResponse)
export const addOffsetsToTxnApi = api(m.AddOffsetsToTxnRequest, m.AddOffsetsToTxnResponse)
export const txnOffsetCommitApi = api(m.TxnOffsetCommitRequest, m.TxnOffsetCommitResponse)
export const endTxnApi = api(m.EndTxnRequest, m.EndTxnResponse)
export const joinGroupApi = api(m.JoinGroupRequest, m.JoinGroupResponse)
export const syncGroupApi = api(m.SyncGroupRequest, m.SyncGroupResponse)
export const heartbeatApi = api(m.HeartbeatRequest, m.HeartbeatResponse)
export const leaveGroupApi = api(m.LeaveGroupRequest, m.LeaveGroupResponse)
/** Before version 1 members do not name themselves. */
export const consumerGroupHeartbeatApi = {
  ...api(m.ConsumerGroupHeartbeatRequest, m.ConsumerGroupHeartbeatResponse),
  minVersion: 1,
}
export const offsetCommitApi = api(m.OffsetCommitRequest, m.OffsetCommitResponse)
export const offsetFetchApi = api(m.OffsetFetchRequest, m.OffsetFetchResponse)
export const createTopicsApi = api(m.CreateTopicsRequest, m.CreateTopicsResponse)
export const deleteTopicsApi = api(m.DeleteTopicsRequest, m.DeleteTopicsResponse)
export const createPartitionsApi = api(m.CreatePartitionsRequest, m.CreatePartitionsResponse)
export const deleteRecordsApi = api(m.DeleteRecordsRequest, m.DeleteRecordsResponse)
export const describeConfigsApi = api(m.DescribeConfigsRequest, m.DescribeConfigsResponse)
export const alterConfigsApi = api(m.IncrementalAlterConfigsRequest, m.IncrementalAlterConfigsResponse)
export const describeClusterApi = api(m.DescribeClusterRequest, m.DescribeClusterResponse)
export const describeLogDirsApi = api(m.DescribeLogDirsRequest, m.DescribeLogDirsResponse)

/** Version 6 is not stable (KIP-939). */
export const INIT_PRODUCER_ID_MAX = 5
/** Later versions name topics by id, and say the same. */
export const OFFSET_COMMIT_BY_NAME = 9
export const OFFSET_FETCH_BY_NAME = 9
/** From these versions on topics are named by id. */
export const PRODUCE_TOPIC_IDS = 13
export const FETCH_TOPIC_IDS = 13

/** Fetch's and ListOffsets's `isolationLevel`. */
export function isolationLevelOf(readCommitted: boolean): 0 | 1 {
  return readCommitted ? 1 : 0
}
