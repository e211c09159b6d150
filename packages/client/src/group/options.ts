import {
  aFunction,
  checkOptions,
  either,
  milliseconds,
  type OptionRule,
  oneOf,
  someText,
  whole,
  yesOrNo,
} from '../check-options.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import { type ConsumerOptions, type ConsumerSettings, consumerSettingsOf } from '../consumer/options.ts'
import { ConfigError } from '../errors.ts'
import { type AssignorName, assignors } from './assignors/index.ts'

/** What a listener is told of. It may seek and commit; reading waits until it is done. */
export type PartitionsListener = (partitions: readonly TopicPartition[]) => void | Promise<void>

export interface GroupConsumerOptions extends Omit<ConsumerOptions, 'assign' | 'reset'> {
  /** All consumers of one group share the topics' partitions among them. `group.id`. */
  readonly group: string
  /** What to read. */
  readonly topics: readonly string[]
  /**
   * Where to begin in a partition that the group has no offset of, or one that is not in the log any more. `none`: reading
   * fails. Default latest, as in Kafka: what was there before the group is not read. `auto.offset.reset`.
   */
  readonly from?: 'earliest' | 'latest' | 'none'
  /**
   * Commits what has been processed: every `autoCommitIntervalMs`, before partitions are given up, and on close. A record
   * counts as processed when the next one is asked for. Default true. `enable.auto.commit`.
   */
  readonly autoCommit?: boolean
  /** In ms. Default 5000. `auto.commit.interval.ms`. */
  readonly autoCommitIntervalMs?: number
  /** Without a sign of life for so long, in ms, the others take over. Default 45 000. `session.timeout.ms`. */
  readonly sessionTimeoutMs?: number
  /** Between two signs of life, in ms; less than a third of the session is good. Default 3000. `heartbeat.interval.ms`. */
  readonly heartbeatIntervalMs?: number
  /**
   * How long a record or batch may be worked on before the consumer leaves the group, in ms, and how long the others wait for it when
   * they rebalance. Default 300 000. `max.poll.interval.ms`.
   */
  readonly maxPollIntervalMs?: number
  /**
   * Names this consumer for good: it may restart within its session without a rebalance, and a second one of the name fences the
   * first (KIP-345). `group.instance.id`.
   */
  readonly instanceId?: string
  /**
   * Ways to share partitions, the preferred one first; the group takes one that all its members have. With
   * `cooperative-sticky` alone members keep what stays theirs while the group rebalances (KIP-429). Default range, then
   * cooperative-sticky. `partition.assignment.strategy`.
   */
  readonly assignors?: readonly AssignorName[]
  /** These partitions are this consumer's now; their positions are those committed, and may be moved by `seek`. */
  readonly onAssigned?: PartitionsListener
  /** These are given up, after the last commit that counts for them. */
  readonly onRevoked?: PartitionsListener
  /** These are somebody else's already: nothing can be committed for them. Default: as `onRevoked`. */
  readonly onLost?: PartitionsListener
}

export interface GroupSettings extends ConsumerSettings {
  readonly group: string
  readonly topics: readonly string[]
  readonly autoCommit: boolean
  readonly autoCommitIntervalMs: number
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly maxPollIntervalMs: number
  readonly instanceId: string | null
  readonly assignors: readonly AssignorName[]
  readonly cooperative: boolean
}

const someTexts: OptionRule = {
  allowed: 'a list of one or more texts, none of them empty',
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every((text) => someText.accepts(text)),
}

const names = Object.keys(assignors)
const someAssignors: OptionRule = {
  allowed: `a list of one or more of ${names.join(', ')}`,
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every((name) => names.includes(name)),
}

const rules: Readonly<Record<keyof GroupConsumerOptions, OptionRule>> = {
  group: someText,
  topics: someTexts,
  from: oneOf('earliest', 'latest', 'none'),
  autoCommit: yesOrNo,
  autoCommitIntervalMs: milliseconds(1),
  sessionTimeoutMs: milliseconds(1),
  heartbeatIntervalMs: milliseconds(1),
  maxPollIntervalMs: milliseconds(1),
  instanceId: someText,
  assignors: someAssignors,
  onAssigned: aFunction,
  onRevoked: aFunction,
  onLost: aFunction,
  fetchMinBytes: whole(0),
  fetchMaxWaitMs: milliseconds(0),
  fetchMaxBytes: whole(1),
  partitionMaxBytes: whole(1),
  bufferBytes: either(whole(1), oneOf(Number.POSITIVE_INFINITY)),
  checkCrcs: yesOrNo,
  isolation: oneOf('read_uncommitted', 'read_committed'),
}

/** Throws `ConfigError`. */
export function groupSettingsOf(options: GroupConsumerOptions): GroupSettings {
  checkOptions('a group consumer', options, rules)
  for (const name of ['group', 'topics'] as const) {
    if (options[name] === undefined) throw new ConfigError(`a group consumer needs ${name}`)
  }
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 45_000
  const heartbeatIntervalMs = options.heartbeatIntervalMs ?? 3000
  if (heartbeatIntervalMs >= sessionTimeoutMs) {
    throw new ConfigError(
      `heartbeatIntervalMs (${heartbeatIntervalMs}) is less than sessionTimeoutMs (${sessionTimeoutMs})`,
    )
  }
  const wanted = options.assignors ?? (['range', 'cooperative-sticky'] as const)
  return {
    ...consumerSettingsOf({ ...options, reset: options.from ?? 'latest' }),
    group: options.group,
    topics: [...new Set(options.topics)],
    autoCommit: options.autoCommit ?? true,
    autoCommitIntervalMs: options.autoCommitIntervalMs ?? 5000,
    sessionTimeoutMs,
    heartbeatIntervalMs,
    maxPollIntervalMs: options.maxPollIntervalMs ?? 300_000,
    instanceId: options.instanceId ?? null,
    assignors: wanted,
    // As in Kafka: those who keep what they have must all agree to.
    cooperative: wanted.every((name) => assignors[name].cooperative),
  }
}
