import { aFunction, checkOptions, milliseconds, type OptionRule, oneOf, someText, yesOrNo } from '../check-options.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import { type ConsumerOptions, type ConsumerSettings, consumerSettingsOf, readingRules } from '../consumer/options.ts'
import { ConfigError } from '../errors.ts'
import type { Assignor } from './assignors/assignor.ts'
import { type AssignorName, assignors } from './assignors/index.ts'
import { compileTopicPattern, type Subscription } from './subscription.ts'

/** What a listener is told of. It may seek and commit; reading waits until it is done. */
export type PartitionsListener = (partitions: readonly TopicPartition[]) => void | Promise<void>

export interface GroupConsumerOptions<K = Buffer, V = Buffer> extends Omit<ConsumerOptions<K, V>, 'assign' | 'reset'> {
  /** All consumers of one group share the topics' partitions among them. `group.id`. */
  readonly group: string
  /** What to read; this or `pattern`. */
  readonly topics?: readonly string[]
  /**
   * Reads all topics whose whole name it matches, those that come later too. RE2's syntax with the consumer protocol, whose
   * coordinator finds them; JavaScript's with the classic one, where they are looked for every `metadataMaxAgeMs`, and internal topics are left out.
   */
  readonly pattern?: string
  /**
   * `consumer` is the protocol of KIP-848 (brokers from 4.0 on): the coordinator shares the partitions out, and whoever keeps some
   * of them reads on meanwhile. Default classic. `group.protocol`.
   */
  readonly groupProtocol?: 'classic' | 'consumer'
  /** With the consumer protocol, how partitions are shared: `uniform`, `range` or what else the broker has. `group.remote.assignor`. */
  readonly groupRemoteAssignor?: string
  /** Where it runs, for assignors that put readers beside replicas. `client.rack`. */
  readonly rackId?: string
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
  /**
   * Without a sign of life for so long, in ms, the others take over. Default 45 000; the broker's own with the consumer
   * protocol. `session.timeout.ms`.
   */
  readonly sessionTimeoutMs?: number
  /**
   * Between two signs of life, in ms; less than a third of the session is good. Default 3000; the broker's own with the
   * consumer protocol. `heartbeat.interval.ms`.
   */
  readonly heartbeatIntervalMs?: number
  /**
   * How long a record or batch may be worked on before the consumer leaves the group, in ms (up to a quarter longer), and how long
   * the others wait for it when they rebalance. Default 300 000. `max.poll.interval.ms`.
   */
  readonly maxPollIntervalMs?: number
  /**
   * Names this consumer for good: it may restart within its session without a rebalance, and a second one of the name fences the
   * first (KIP-345). `group.instance.id`.
   */
  readonly instanceId?: string
  /**
   * With the classic protocol, ways to share partitions, the preferred one first; the group takes one that all its members have. With
   * `cooperative-sticky` alone members keep what stays theirs while the group rebalances (KIP-429). One of your own is an object. Default
   * range, then cooperative-sticky. `partition.assignment.strategy`.
   */
  readonly assignors?: readonly (AssignorName | Assignor)[]
  /** These partitions are this consumer's now; their positions are those committed, and may be moved by `seek`. */
  readonly onAssigned?: PartitionsListener
  /** These are given up, after the last commit that counts for them. */
  readonly onRevoked?: PartitionsListener
  /** These are somebody else's already: nothing can be committed for them. Default: as `onRevoked`. */
  readonly onLost?: PartitionsListener
}

export interface GroupSettings extends ConsumerSettings {
  readonly group: string
  readonly subscription: Subscription
  readonly groupProtocol: 'classic' | 'consumer'
  /** Null: the broker's choice. */
  readonly groupRemoteAssignor: string | null
  readonly rackId: string | null
  readonly autoCommit: boolean
  readonly autoCommitIntervalMs: number
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly maxPollIntervalMs: number
  readonly instanceId: string | null
  readonly assignors: readonly Assignor[]
  /** Members keep what stays theirs while the group rebalances. */
  readonly cooperative: boolean
}

const someTexts: OptionRule = {
  allowed: 'a list of one or more texts, none of them empty',
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every((text) => someText.accepts(text)),
}

const names = Object.keys(assignors)
const someAssignors: OptionRule = {
  allowed: `a list of one or more of ${names.join(', ')}, or objects with name, cooperative and assign`,
  accepts: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((one) => names.includes(one) || isAssignor(one)),
}

function isAssignor(value: unknown): boolean {
  const { name, cooperative, assign } = Object(value) as Partial<Assignor>
  return typeof name === 'string' && name !== '' && typeof cooperative === 'boolean' && typeof assign === 'function'
}

const subscriptionRules = { topics: someTexts, pattern: someText }

const rules: Readonly<Record<keyof GroupConsumerOptions, OptionRule>> = {
  group: someText,
  ...subscriptionRules,
  groupProtocol: oneOf('classic', 'consumer'),
  groupRemoteAssignor: someText,
  rackId: someText,
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
  ...readingRules,
}

/** Options of the one protocol that say nothing to the other. */
const OF_PROTOCOL = {
  classic: ['sessionTimeoutMs', 'heartbeatIntervalMs', 'assignors'],
  consumer: ['groupRemoteAssignor'],
} as const

/** Throws `ConfigError`. */
export function groupSettingsOf<K, V>(options: GroupConsumerOptions<K, V>): GroupSettings {
  checkOptions('a group consumer', options, rules)
  if (options.group === undefined) throw new ConfigError('a group consumer needs group')
  const groupProtocol = options.groupProtocol ?? 'classic'
  const subscription = subscriptionOf(options, groupProtocol)
  const foreign = OF_PROTOCOL[groupProtocol === 'classic' ? 'consumer' : 'classic']
  for (const name of foreign) {
    if (options[name] !== undefined) {
      throw new ConfigError(`${name} has no meaning with the ${groupProtocol} group protocol`)
    }
  }
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 45_000
  const heartbeatIntervalMs = options.heartbeatIntervalMs ?? 3000
  if (heartbeatIntervalMs >= sessionTimeoutMs) {
    throw new ConfigError(
      `heartbeatIntervalMs (${heartbeatIntervalMs}) is less than sessionTimeoutMs (${sessionTimeoutMs})`,
    )
  }
  const wanted = (options.assignors ?? (['range', 'cooperative-sticky'] as const)).map((one) =>
    typeof one === 'string' ? assignors[one] : one,
  )
  const named = new Set(wanted.map(({ name }) => name))
  if (named.size < wanted.length) throw new ConfigError('assignors have a name each')
  return {
    ...consumerSettingsOf({ ...options, reset: options.from ?? 'latest' }),
    group: options.group,
    subscription,
    groupProtocol,
    groupRemoteAssignor: options.groupRemoteAssignor ?? null,
    rackId: options.rackId ?? null,
    autoCommit: options.autoCommit ?? true,
    autoCommitIntervalMs: options.autoCommitIntervalMs ?? 5000,
    sessionTimeoutMs,
    heartbeatIntervalMs,
    maxPollIntervalMs: options.maxPollIntervalMs ?? 300_000,
    instanceId: options.instanceId ?? null,
    assignors: wanted,
    // As in Kafka: those who keep what they have must all agree to.
    cooperative: groupProtocol === 'consumer' || wanted.every(({ cooperative }) => cooperative),
  }
}

/** Throws `ConfigError`. */
export function subscriptionOf(
  wanted: { readonly topics?: readonly string[]; readonly pattern?: string },
  groupProtocol: GroupSettings['groupProtocol'],
): Subscription {
  checkOptions('a subscription', { topics: wanted.topics, pattern: wanted.pattern }, subscriptionRules)
  const { topics, pattern } = wanted
  if (topics !== undefined && pattern !== undefined) {
    throw new ConfigError('a group consumer has topics or a pattern, not both')
  }
  if (topics !== undefined) return { topics: [...new Set(topics)] }
  if (pattern === undefined) throw new ConfigError('a group consumer needs topics or a pattern')
  // What the coordinator matches it alone can judge.
  if (groupProtocol === 'classic') compileTopicPattern(pattern)
  return { pattern }
}
