import { api } from '@ottla/net'
import * as m from '@ottla/protocol'

/** The APIs that only an operator's calls use. */
export const listGroupsApi = api(m.ListGroupsRequest, m.ListGroupsResponse)
export const describeGroupsApi = api(m.DescribeGroupsRequest, m.DescribeGroupsResponse)
export const describeConsumerGroupsApi = api(m.ConsumerGroupDescribeRequest, m.ConsumerGroupDescribeResponse)
export const deleteGroupsApi = api(m.DeleteGroupsRequest, m.DeleteGroupsResponse)
export const removeMembersApi = api(m.LeaveGroupRequest, m.LeaveGroupResponse)
export const groupOffsetsApi = api(m.OffsetFetchRequest, m.OffsetFetchResponse)
export const alterOffsetsApi = api(m.OffsetCommitRequest, m.OffsetCommitResponse)
export const deleteOffsetsApi = api(m.OffsetDeleteRequest, m.OffsetDeleteResponse)
export const listTransactionsApi = api(m.ListTransactionsRequest, m.ListTransactionsResponse)
export const describeTransactionsApi = api(m.DescribeTransactionsRequest, m.DescribeTransactionsResponse)
export const describeProducersApi = api(m.DescribeProducersRequest, m.DescribeProducersResponse)
export const writeTxnMarkersApi = api(m.WriteTxnMarkersRequest, m.WriteTxnMarkersResponse)

/** From these versions on topics are named by id, which an operator's calls have no need for. */
export const GROUP_OFFSETS_LAST = 9
export const ALTER_OFFSETS_LAST = 9
