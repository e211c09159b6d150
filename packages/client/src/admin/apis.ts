import { api } from '@ottla/net'
import * as m from '@ottla/protocol'

/** The APIs that only an operator's calls use. */
export const listGroupsApi = api(m.ListGroupsRequest, m.ListGroupsResponse)
export const describeGroupsApi = api(m.DescribeGroupsRequest, m.DescribeGroupsResponse)
export const describeConsumerGroupsApi = api(m.ConsumerGroupDescribeRequest, m.ConsumerGroupDescribeResponse)
export const deleteGroupsApi = api(m.DeleteGroupsRequest, m.DeleteGroupsResponse)
export const deleteOffsetsApi = api(m.OffsetDeleteRequest, m.OffsetDeleteResponse)
export const listTransactionsApi = api(m.ListTransactionsRequest, m.ListTransactionsResponse)
export const describeTransactionsApi = api(m.DescribeTransactionsRequest, m.DescribeTransactionsResponse)
export const describeProducersApi = api(m.DescribeProducersRequest, m.DescribeProducersResponse)
export const writeTxnMarkersApi = api(m.WriteTxnMarkersRequest, m.WriteTxnMarkersResponse)
