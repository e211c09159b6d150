import type { MarkerWriter } from './coordinators/marker-writer.ts'
import { type AddOffsetsToTxnDeps, addOffsetsToTxnHandler } from './handlers/add-offsets-to-txn.ts'
import { type AddPartitionsToTxnDeps, addPartitionsToTxnHandler } from './handlers/add-partitions-to-txn.ts'
import { alterConfigsHandler } from './handlers/alter-configs.ts'
import { type ApiVersionsDeps, apiVersionsHandler } from './handlers/api-versions.ts'
import type { ConfigResourceDeps } from './handlers/config-resources.ts'
import { consumerGroupDescribeHandler } from './handlers/consumer-group-describe.ts'
import { type ConsumerGroupHeartbeatDeps, consumerGroupHeartbeatHandler } from './handlers/consumer-group-heartbeat.ts'
import { createPartitionsHandler } from './handlers/create-partitions.ts'
import { type CreateTopicsDeps, createTopicsHandler } from './handlers/create-topics.ts'
import { deleteGroupsHandler } from './handlers/delete-groups.ts'
import { deleteRecordsHandler } from './handlers/delete-records.ts'
import { deleteTopicsHandler } from './handlers/delete-topics.ts'
import { type DescribeClusterDeps, describeClusterHandler } from './handlers/describe-cluster.ts'
import { type DescribeConfigsDeps, describeConfigsHandler } from './handlers/describe-configs.ts'
import { describeGroupsHandler } from './handlers/describe-groups.ts'
import { type DescribeLogDirsDeps, describeLogDirsHandler } from './handlers/describe-log-dirs.ts'
import { describeProducersHandler } from './handlers/describe-producers.ts'
import {
  type DescribeTopicPartitionsDeps,
  describeTopicPartitionsHandler,
} from './handlers/describe-topic-partitions.ts'
import { describeTransactionsHandler } from './handlers/describe-transactions.ts'
import { endTxnHandler } from './handlers/end-txn.ts'
import { type FetchHandlerDeps, fetchHandler } from './handlers/fetch.ts'
import { type FindCoordinatorDeps, findCoordinatorHandler } from './handlers/find-coordinator.ts'
import { heartbeatHandler } from './handlers/heartbeat.ts'
import { incrementalAlterConfigsHandler } from './handlers/incremental-alter-configs.ts'
import { type InitProducerIdDeps, initProducerIdHandler } from './handlers/init-producer-id.ts'
import { joinGroupHandler } from './handlers/join-group.ts'
import { leaveGroupHandler } from './handlers/leave-group.ts'
import { listConfigResourcesHandler } from './handlers/list-config-resources.ts'
import { listGroupsHandler } from './handlers/list-groups.ts'
import { listOffsetsHandler } from './handlers/list-offsets.ts'
import { listTransactionsHandler } from './handlers/list-transactions.ts'
import { type MetadataHandlerDeps, metadataHandler } from './handlers/metadata.ts'
import { type OffsetCommitDeps, offsetCommitHandler } from './handlers/offset-commit.ts'
import { offsetDeleteHandler } from './handlers/offset-delete.ts'
import { offsetFetchHandler } from './handlers/offset-fetch.ts'
import { offsetForLeaderEpochHandler } from './handlers/offset-for-leader-epoch.ts'
import { type ProduceHandlerDeps, produceHandler } from './handlers/produce.ts'
import { syncGroupHandler } from './handlers/sync-group.ts'
import { type TxnOffsetCommitDeps, txnOffsetCommitHandler } from './handlers/txn-offset-commit.ts'
import { writeTxnMarkersHandler } from './handlers/write-txn-markers.ts'
import type { Handler } from './server/handler.ts'
import type { TurnBudget } from './server/turn-budget.ts'

/** Everything any handler takes; each takes its part. */
export interface HandlerDeps
  extends Omit<ApiVersionsDeps, 'handlers'>,
    AddOffsetsToTxnDeps,
    AddPartitionsToTxnDeps,
    ConfigResourceDeps,
    ConsumerGroupHeartbeatDeps,
    CreateTopicsDeps,
    DescribeClusterDeps,
    DescribeConfigsDeps,
    DescribeLogDirsDeps,
    DescribeTopicPartitionsDeps,
    FetchHandlerDeps,
    FindCoordinatorDeps,
    InitProducerIdDeps,
    MetadataHandlerDeps,
    OffsetCommitDeps,
    ProduceHandlerDeps,
    TxnOffsetCommitDeps {
  readonly markers: MarkerWriter
  readonly turns: TurnBudget
  /** `delete.topic.enable`. */
  readonly deleteEnabled: () => boolean
}

/** All APIs of this broker by key: what ApiVersions advertises and the dispatcher serves. */
export function handlerTable(deps: HandlerDeps): ReadonlyMap<number, Handler> {
  const table = new Map<number, Handler>()
  const handlers = [
    produceHandler(deps),
    fetchHandler(deps),
    listOffsetsHandler(deps),
    metadataHandler(deps),
    offsetCommitHandler(deps),
    offsetFetchHandler(deps),
    findCoordinatorHandler(deps),
    joinGroupHandler(deps),
    heartbeatHandler(deps),
    leaveGroupHandler(deps),
    syncGroupHandler(deps),
    describeGroupsHandler(deps),
    listGroupsHandler(deps),
    apiVersionsHandler({ ...deps, handlers: () => table.values() }),
    createTopicsHandler(deps),
    deleteTopicsHandler({ ...deps, enabled: deps.deleteEnabled }),
    deleteRecordsHandler(deps),
    initProducerIdHandler(deps),
    offsetForLeaderEpochHandler(deps),
    addPartitionsToTxnHandler(deps),
    addOffsetsToTxnHandler(deps),
    endTxnHandler(deps),
    writeTxnMarkersHandler(deps),
    txnOffsetCommitHandler(deps),
    describeConfigsHandler(deps),
    alterConfigsHandler(deps),
    describeLogDirsHandler(deps),
    createPartitionsHandler(deps),
    deleteGroupsHandler(deps),
    incrementalAlterConfigsHandler(deps),
    offsetDeleteHandler(deps),
    describeClusterHandler(deps),
    describeProducersHandler(deps),
    describeTransactionsHandler(deps),
    listTransactionsHandler(deps),
    listConfigResourcesHandler(deps),
    describeTopicPartitionsHandler(deps),
    consumerGroupHeartbeatHandler(deps),
    consumerGroupDescribeHandler(deps),
  ]
  for (const handler of handlers) table.set(handler.request.key, handler)
  return table
}
