import { type GroupConfig, GroupCoordinator, type GroupMachine, groupCoordinatorKind } from '@ottla/coordinator'
import type { SecureRandom } from '@ottla/runtime'
import { type GroupKey, groupSetting } from '../config/index.ts'
import type { LiveConfig } from '../config/live-config.ts'
import type { Topics } from '../topics/topics.ts'
import { HostedCoordinator, type HostedCoordinatorDeps, type InternalTopic } from './hosted-coordinator.ts'
import type { MarkerOwner } from './marker-writer.ts'
import { topicsImages } from './topics-images.ts'

export interface GroupCoordinatorDeps extends HostedCoordinatorDeps {
  readonly config: LiveConfig
  /** What single groups set, by id. */
  readonly groupConfigs: () => ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly secureRandom: SecureRandom
  /** Of the cluster: no more replicas can be had. */
  readonly brokers: () => number
  /** Of a broker; null for one without. Stays as it is while the broker runs. */
  readonly rackOf: (nodeId: number) => string | null
}

const MS_PER_MINUTE = 60_000

/** The group coordinator of this broker, over `__consumer_offsets`. */
export class Groups {
  readonly hosted: HostedCoordinator<GroupMachine>
  readonly coordinator: GroupCoordinator
  readonly #topics: Topics

  constructor(deps: GroupCoordinatorDeps) {
    const config = groupConfig(deps.config, deps.groupConfigs)
    this.#topics = deps.topics
    const kind = groupCoordinatorKind({
      config,
      topics: topicsImages(deps.topics, deps.rackOf),
      newUuid: () => uuidOf(deps.secureRandom.bytes(16)),
      log: (sentence, fields) => deps.logger.info(sentence, fields),
    })
    this.hosted = new HostedCoordinator(kind, offsetsTopic(deps.config, deps.brokers), deps)
    this.coordinator = new GroupCoordinator(this.hosted.runtime, (groupId) => this.hosted.partitionOf(groupId), config)
  }

  /** Markers of transactions decide of offsets too. */
  get markerOwner(): MarkerOwner {
    const { runtime, name } = this.hosted
    return { topic: name, endTransaction: (partition, marker, done) => runtime.endTransaction(partition, marker, done) }
  }

  start(): void {
    this.hosted.start()
    this.#topics.onChange(({ kind, topic }) => {
      if (kind === 'deleted') this.coordinator.topicDeleted(topic.name)
    })
  }

  stop(): void {
    this.hosted.stop()
  }
}

/** Read anew each time: some of it may be changed while the broker runs. */
function groupConfig(config: LiveConfig, groupConfigs: GroupCoordinatorDeps['groupConfigs']): GroupConfig {
  const ofGroup = (groupId: string, name: GroupKey): number =>
    groupSetting(groupConfigs().get(groupId), name, config.current)
  return {
    get initialRebalanceDelayMs() {
      return config.current.get('group.initial.rebalance.delay.ms')
    },
    get sessionTimeoutMsMin() {
      return config.current.get('group.min.session.timeout.ms')
    },
    get sessionTimeoutMsMax() {
      return config.current.get('group.max.session.timeout.ms')
    },
    get membersMax() {
      return config.current.get('group.max.size')
    },
    get offsetMetadataBytesMax() {
      return config.current.get('offset.metadata.max.bytes')
    },
    get offsetsRetentionMs() {
      return config.current.get('offsets.retention.minutes') * MS_PER_MINUTE
    },
    get offsetsCheckIntervalMs() {
      return config.current.get('offsets.retention.check.interval.ms')
    },
    consumer: {
      sessionTimeoutMs: (groupId) => ofGroup(groupId, 'consumer.session.timeout.ms'),
      heartbeatIntervalMs: (groupId) => ofGroup(groupId, 'consumer.heartbeat.interval.ms'),
      get membersMax() {
        return config.current.get('group.consumer.max.size')
      },
      get assignors() {
        return config.current.get('group.consumer.assignors')
      },
      get migrationPolicy() {
        return config.current.get('group.consumer.migration.policy').toLowerCase()
      },
    },
  }
}

function offsetsTopic(config: LiveConfig, brokers: () => number): InternalTopic {
  return {
    name: '__consumer_offsets',
    partitions: () => config.current.get('offsets.topic.num.partitions'),
    replicationFactor: () => Math.min(config.current.get('offsets.topic.replication.factor'), brokers()),
    configs: () => [
      ['cleanup.policy', 'compact'],
      ['compression.type', 'producer'],
      ['segment.bytes', String(config.current.get('offsets.topic.segment.bytes'))],
    ],
  }
}

/** Version 4 of RFC 9562. */
function uuidOf(random: Buffer): string {
  random[6] = (random[6] & 0x0f) | 0x40
  random[8] = (random[8] & 0x3f) | 0x80
  const hex = random.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
