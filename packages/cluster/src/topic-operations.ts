import type { PartitionImage, TopicImage } from './metadata-image.ts'
import type { Operation } from './metadata-store.ts'
import { type ConfigEntityType, type Configs, configChangeZnode, configZnode } from './znodes/configs.ts'
import { partitionStateZnode, topicPartitionsZnode, topicPartitionZnode, topicZnode } from './znodes/topics.ts'

/*
 * What a change of topics is, as operations of one multi. Pure. The order of the operations matters to whoever reads
 * which one failed: the topic's own node comes first.
 */

export function createTopicOperations(topic: TopicImage, controllerEpoch: number, configsExist: boolean): Operation[] {
  return [
    { type: 'create', path: topicZnode.path(topic.name), data: encodeAssignment(topic) },
    writeConfigs('topics', topic.name, topic.configs, configsExist ? 'exists' : null),
    { type: 'create', path: topicPartitionsZnode.path(topic.name), data: null },
    ...topic.partitions.flatMap((partition) => createPartitionOperations(topic.name, partition, controllerEpoch)),
  ]
}

export function addPartitionsOperations(
  topic: TopicImage,
  firstPartition: number,
  controllerEpoch: number,
  topicVersion: number,
): Operation[] {
  return [
    { type: 'set', path: topicZnode.path(topic.name), data: encodeAssignment(topic), expectedVersion: topicVersion },
    ...topic.partitions
      .slice(firstPartition)
      .flatMap((partition) => createPartitionOperations(topic.name, partition, controllerEpoch)),
  ]
}

/** Children before parents, but first that the topic is the one meant. */
export function deleteTopicOperations(topic: TopicImage, topicVersion: number, configsExist: boolean): Operation[] {
  const { name } = topic
  const operations: Operation[] = [{ type: 'check', path: topicZnode.path(name), expectedVersion: topicVersion }]
  for (const { partition, partitionEpoch } of topic.partitions) {
    if (partitionEpoch === -1) continue
    operations.push({ type: 'delete', path: partitionStateZnode.path(name, partition), expectedVersion: -1 })
    operations.push({ type: 'delete', path: topicPartitionZnode.path(name, partition), expectedVersion: -1 })
  }
  operations.push({ type: 'delete', path: topicPartitionsZnode.path(name), expectedVersion: -1 })
  operations.push({ type: 'delete', path: topicZnode.path(name), expectedVersion: topicVersion })
  if (configsExist) operations.push({ type: 'delete', path: configZnode.path('topics', name), expectedVersion: -1 })
  return operations
}

/** Configs and the notification of their change. `version`: of the node that is there, `null` for none. */
export function setConfigsOperations(
  type: ConfigEntityType,
  name: string,
  configs: Configs,
  version: number | null,
): Operation[] {
  return [
    writeConfigs(type, name, configs, version),
    {
      type: 'create',
      path: configChangeZnode.createPath,
      data: configChangeZnode.encode(type, name),
      mode: 'persistentSequential',
    },
  ]
}

export function setStateOperation(topic: string, partition: PartitionImage, controllerEpoch: number): Operation {
  return {
    type: 'set',
    path: partitionStateZnode.path(topic, partition.partition),
    data: partitionStateZnode.encode({ ...partition, controllerEpoch }),
    expectedVersion: partition.partitionEpoch,
  }
}

function createPartitionOperations(topic: string, partition: PartitionImage, controllerEpoch: number): Operation[] {
  return [
    { type: 'create', path: topicPartitionZnode.path(topic, partition.partition), data: null },
    {
      type: 'create',
      path: partitionStateZnode.path(topic, partition.partition),
      data: partitionStateZnode.encode({ ...partition, controllerEpoch }),
    },
  ]
}

function writeConfigs(
  type: ConfigEntityType,
  name: string,
  configs: Configs,
  version: number | 'exists' | null,
): Operation {
  const path = configZnode.path(type, name)
  const data = configZnode.encode(configs)
  if (version === null) return { type: 'create', path, data }
  return { type: 'set', path, data, expectedVersion: version === 'exists' ? -1 : version }
}

function encodeAssignment(topic: TopicImage): Buffer {
  return topicZnode.encode({
    topicId: topic.topicId,
    partitions: new Map(topic.partitions.map((partition) => [partition.partition, partition])),
  })
}
