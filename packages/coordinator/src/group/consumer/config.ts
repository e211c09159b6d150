/** What the broker's configuration says about groups of the consumer protocol. */
export interface ConsumerGroupConfig {
  /** `group.consumer.session.timeout.ms` */
  readonly sessionTimeoutMs: number
  /** `group.consumer.heartbeat.interval.ms` */
  readonly heartbeatIntervalMs: number
  /** `group.consumer.max.size` */
  readonly membersMax: number
  /** `group.consumer.assignors`, the default one first. */
  readonly assignors: readonly string[]
  /** `group.consumer.migration.policy`, in lower case: `disabled`, `upgrade`, `downgrade` or `bidirectional`. */
  readonly migrationPolicy: string
}
