/** What the broker's configuration says about groups of the consumer protocol. */
export interface ConsumerGroupConfig {
  /** `consumer.session.timeout.ms` of the group, where it sets none `group.consumer.session.timeout.ms`. */
  readonly sessionTimeoutMs: (groupId: string) => number
  /** `consumer.heartbeat.interval.ms` of the group, where it sets none `group.consumer.heartbeat.interval.ms`. */
  readonly heartbeatIntervalMs: (groupId: string) => number
  /** `group.consumer.max.size` */
  readonly membersMax: number
  /** `group.consumer.assignors`, the default one first. */
  readonly assignors: readonly string[]
  /** `group.consumer.migration.policy`, in lower case: `disabled`, `upgrade`, `downgrade` or `bidirectional`. */
  readonly migrationPolicy: string
}
