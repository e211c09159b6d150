export { Admin } from './admin/admin.ts'
export type {
  ConfigChange,
  ConfigChanges,
  ConfigDescription,
  ConfigEntry,
  ConfigResource,
  ConfigResult,
  ConfigSource,
  ResourceType,
} from './admin/configs.ts'
export { resourceTypes } from './admin/configs.ts'
export type { GroupLag, PartitionLag } from './admin/group-lag.ts'
export type {
  AlteredOffset,
  CommittedOffset,
  GroupOffsets,
  GroupOffsetsQuery,
  OffsetToStore,
} from './admin/group-offsets.ts'
export {
  type GroupDescription,
  type GroupFilter,
  type GroupInfo,
  type GroupListing,
  type GroupMember,
  type GroupState,
  type GroupType,
  groupStates,
  groupTypes,
  type MemberToRemove,
  type RemovedMember,
} from './admin/groups.ts'
export type { LogDir, LogDirReplica } from './admin/log-dirs.ts'
export type { ItemResult } from './admin/results.ts'
export type { BrokerFailure } from './admin/routing.ts'
export type { ClusterInfo, ClusterNode, DeletedRecords, NewTopic, TopicListing } from './admin/topics.ts'
export {
  type FencedProducer,
  type OpenTransaction,
  type PartitionProducers,
  type ProducerState,
  type TransactionDescription,
  type TransactionFilter,
  type TransactionInfo,
  type TransactionListing,
  type TransactionState,
  transactionStates,
} from './admin/transactions.ts'
export type { TopicPartition } from './cluster/by-leader.ts'
export type { PartitionInfo, TopicInfo } from './cluster/metadata.ts'
export type { FoundOffset, OffsetQuery, OffsetSpec } from './cluster/offsets.ts'
export { Consumer, type Position } from './consumer/consumer.ts'
export { deadLetter } from './consumer/dead-letter.ts'
export type { BadRecord, OnBadRecord } from './consumer/decoder.ts'
export type { Assignment, ConsumerOptions, StartOffset } from './consumer/options.ts'
export { ConsumerBatch, type ConsumerRecord } from './consumer/record.ts'
export type { ClientDeps } from './deps.ts'
export {
  BrokerError,
  ClosedError,
  ConfigError,
  ConnectionError,
  type ConnectionErrorCode,
  DeserializationError,
  KafkaError,
  SerializationError,
  TimeoutError,
  TransactionError,
  UnknownTopicError,
} from './errors.ts'
export type { AssigningMember, Assignment as GroupAssignment, Assignor } from './group/assignors/assignor.ts'
export type { AssignorName } from './group/assignors/index.ts'
export type { LastAssignment } from './group/assignors/sticky-data.ts'
export { GroupConsumer } from './group/group-consumer.ts'
export type { HandlerContext, RunOptions } from './group/handler-run.ts'
export type { GroupOffset } from './group/offsets.ts'
export type { GroupConsumerOptions, PartitionsListener } from './group/options.ts'
export type { GroupMetadata, OffsetsSource } from './group-metadata.ts'
export { Kafka } from './kafka.ts'
export { type KafkaOptions, parseBootstrap } from './options.ts'
export type { Delivery, RecordMetadata } from './producer/batch.ts'
export { murmur2 } from './producer/murmur2.ts'
export type { Partitioner, ProducerOptions, TransactionalProducerOptions } from './producer/options.ts'
export { partitionOfKey } from './producer/partitioner.ts'
export { Producer } from './producer/producer.ts'
export type { Content, ProducerRecord } from './producer/record.ts'
export type { OffsetToCommit } from './producer/transaction/events.ts'
export { Transaction } from './producer/transaction/transaction.ts'
export { TransactionalProducer } from './producer/transactional-producer.ts'
export {
  consumerOptionsFrom,
  groupConsumerOptionsFrom,
  kafkaOptionsFrom,
  producerOptionsFrom,
  transactionalProducerOptionsFrom,
} from './properties.ts'
export type { SaslOptions } from './security.ts'
export { type Deserializer, type Serde, type SerdeContext, type Serializer, serde } from './serde.ts'
