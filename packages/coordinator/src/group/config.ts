import type { ConsumerGroupConfig } from './consumer/config.ts'

/** What the broker's configuration says about groups; read anew each time, since some of it may change. */
export interface GroupConfig {
  /** `group.initial.rebalance.delay.ms` */
  readonly initialRebalanceDelayMs: number
  /** `group.min.session.timeout.ms` */
  readonly sessionTimeoutMsMin: number
  /** `group.max.session.timeout.ms` */
  readonly sessionTimeoutMsMax: number
  /** `group.max.size` */
  readonly membersMax: number
  /** `offset.metadata.max.bytes` */
  readonly offsetMetadataBytesMax: number
  /** `offsets.retention.minutes` */
  readonly offsetsRetentionMs: number
  /** `offsets.retention.check.interval.ms` */
  readonly offsetsCheckIntervalMs: number
  readonly consumer: ConsumerGroupConfig
}

/** How long a member that has never been in a generation may wait for its first one (Kafka: five minutes). */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000
