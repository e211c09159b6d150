import { SeededRandom } from '@ottla/runtime/sim'

/** What a stop of the broker may be, and what the network and the disk may do. */
export const faultKinds = [
  'kill',
  'power-cut',
  'clean-restart',
  'reset',
  'black-hole',
  'partition',
  'one-way',
  'slow-link',
  'slow-disk',
  'disk-full',
  'disk-error',
  'clock-jump',
  'bit-rot',
  'lost-caches',
  'crash-in-recovery',
] as const
export type FaultKind = (typeof faultKinds)[number]

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** How a topic is made. */
export interface TopicPlan {
  readonly name: string
  readonly partitions: number
  readonly segmentBytes: number
  readonly indexIntervalBytes: number
  /** 1: forced to the disk before every ack. `Infinity`: when a segment is closed. */
  readonly flushMessages: number
  readonly flushMs: number
  readonly retentionBytes: number
  readonly retentionMs: number
  readonly logAppendTime: boolean
  readonly preallocate: boolean
}

/** What the clients of a run do: the log by itself, or groups and transactions on top of it. */
export const workloadNames = ['log', 'groups'] as const
export type WorkloadName = (typeof workloadNames)[number]

/** Programs over the client that we ship. */
export interface ShippedClients {
  readonly transformers: number
  readonly followers: number
  /** The consumer protocol, or an assignor of the classic one. */
  readonly options: 'consumer' | 'range' | 'roundrobin' | 'cooperative-sticky'
}

/** What groups and transactions are made of in one run. */
export interface GroupPlan {
  /** Subscribed to by the groups; nothing is written there, the members count by themselves. */
  readonly topics: readonly { readonly name: string; readonly partitions: number }[]
  /** Members of the classic group: true for a static one. */
  readonly classicMembers: readonly boolean[]
  /** Members of the group with the consumer protocol. */
  readonly modernMembers: number
  readonly transactionalClients: number
  /** Partitions that transactions write to. */
  readonly transactionPartitions: number
  readonly readers: number
  /** Of `__consumer_offsets` and `__transaction_state`. */
  readonly internalPartitions: number
  readonly sessionTimeoutMs: number
  readonly transactionTimeoutMs: number
  readonly initialDelayMs: number
  /** Everything is forced to the disk before it is acked. Without, the power is not cut. */
  readonly strict: boolean
  readonly shipped: ShippedClients | null
}

/** What one seed is about; drawn from the seed alone. */
export interface SwarmOptions {
  readonly seed: number
  readonly workload: WorkloadName
  /** Null where the workload is the log. */
  readonly groups: GroupPlan | null
  readonly faults: ReadonlySet<FaultKind>
  /** Length of the part with faults. */
  readonly safetyMs: number
  readonly topics: readonly TopicPlan[]
  /** Topics are created, grown and deleted all the time. */
  readonly churn: boolean
  readonly idempotentProducers: number
  readonly plainProducers: number
  readonly consumers: number
  /** A second folder for logs. */
  readonly directories: number
  readonly linkDelayMs: readonly [number, number]
  readonly lossProbability: number
  readonly cutProbability: number
  readonly clockSkewMs: number
  readonly clockDriftPpm: number
  /** Producers send in bursts that fill what may be in flight. */
  readonly bursts: boolean
  readonly codecs: readonly Codec[]
  readonly valueBytesMax: number
  readonly checkpointIntervalMs: number
  readonly retentionCheckMs: number
}

export function drawOptions(seed: number, workload: WorkloadName = 'log'): SwarmOptions {
  return workload === 'log' ? drawLogOptions(seed) : drawGroupOptions(seed)
}

/** Of logs only: what was done to their files is known to their watch alone. */
const LOG_FAULTS: readonly FaultKind[] = ['bit-rot', 'lost-caches']

function drawGroupOptions(seed: number): SwarmOptions {
  const base = drawLogOptions(seed)
  const random = new SeededRandom(seed).split('options/groups')
  const pick = <T>(...choices: readonly T[]): T => choices[random.below(choices.length)]
  const strict = random.chance(0.5)
  const faults = new Set(base.faults)
  for (const kind of LOG_FAULTS) faults.delete(kind)
  if (!strict) faults.delete('power-cut')
  const statics = random.chance(0.5)
  return {
    ...base,
    workload: 'groups',
    faults,
    safetyMs: pick(4_000, 6_000, 10_000),
    topics: [],
    churn: false,
    codecs: ['none'],
    idempotentProducers: 0,
    plainProducers: 0,
    consumers: 0,
    groups: {
      topics: Array.from({ length: 1 + random.below(2) }, (_, i) => ({
        name: `g${i}`,
        partitions: 1 + random.below(4),
      })),
      classicMembers: Array.from({ length: 1 + random.below(4) }, () => statics && random.chance(0.6)),
      modernMembers: random.below(4),
      transactionalClients: 1 + random.below(3),
      transactionPartitions: 1 + random.below(3),
      readers: 1 + random.below(2),
      internalPartitions: pick(1, 2, 5),
      sessionTimeoutMs: pick(1_500, 3_000),
      transactionTimeoutMs: pick(1_500, 4_000),
      initialDelayMs: pick(0, 0, 300),
      strict,
      shipped: drawShipped(new SeededRandom(seed).split('options/shipped')),
    },
  }
}

function drawShipped(random: SeededRandom): ShippedClients | null {
  // They take more time than all the others together.
  if (!random.chance(0.2)) return null
  const options = (['consumer', 'range', 'roundrobin', 'cooperative-sticky'] as const)[random.below(4)]
  return { transformers: 1 + random.below(2), followers: 1 + random.below(2), options }
}

function drawLogOptions(seed: number): SwarmOptions {
  const random = new SeededRandom(seed).split('options')
  const pick = <T>(...choices: readonly T[]): T => choices[random.below(choices.length)]
  const faults = new Set<FaultKind>()
  // One seed in twelve is without any fault: what fails there is simply broken.
  if (!random.chance(1 / 12)) for (const kind of faultKinds) if (random.chance(0.4)) faults.add(kind)
  const strict = random.chance(0.5)
  const topics: TopicPlan[] = []
  const topicCount = 1 + random.below(3)
  for (let i = 0; i < topicCount; i++) {
    topics.push({
      name: `t${i}`,
      partitions: pick(1, 1, 2, 3),
      segmentBytes: pick(4, 4, 8, 16, 64) * 1024,
      indexIntervalBytes: pick(1, 256, 1024, 4096),
      flushMessages: strict || random.chance(0.25) ? 1 : pick(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 5),
      flushMs: random.chance(0.2) ? 500 : Number.POSITIVE_INFINITY,
      retentionBytes: random.chance(0.2) ? 24 * 1024 : Number.POSITIVE_INFINITY,
      retentionMs: random.chance(0.15) ? 8_000 : Number.POSITIVE_INFINITY,
      logAppendTime: random.chance(0.15),
      preallocate: random.chance(0.15),
    })
  }
  const slow = random.chance(0.3)
  return {
    seed,
    workload: 'log',
    groups: null,
    faults,
    safetyMs: pick(6_000, 10_000, 15_000),
    topics,
    churn: random.chance(0.4),
    idempotentProducers: 1 + random.below(3),
    plainProducers: random.below(3),
    consumers: 1 + random.below(3),
    directories: random.chance(0.25) ? 2 : 1,
    linkDelayMs: slow ? [5, 40] : [0.05, 2],
    lossProbability: random.chance(0.3) ? 0.02 : 0,
    cutProbability: pick(0, 0.1, 0.5),
    clockSkewMs: Math.floor(random.between(-300, 300)),
    clockDriftPpm: Math.floor(random.between(-100, 100)),
    bursts: random.chance(0.5),
    codecs: random.chance(0.25) ? ['none', 'gzip', 'snappy', 'lz4', 'zstd'] : ['none'],
    valueBytesMax: pick(20, 200, 200, 1500),
    checkpointIntervalMs: pick(300, 1_000, 60_000),
    retentionCheckMs: pick(200, 1_000),
  }
}

/** One line for the report. */
export function describeOptions(options: SwarmOptions): string {
  return options.groups === null ? describeLog(options) : describeGroups(options, options.groups)
}

function describeGroups(options: SwarmOptions, plan: GroupPlan): string {
  return (
    `topics=${plan.topics.map(({ name, partitions }) => `${name}x${partitions}`).join(' ')}` +
    ` classic=${plan.classicMembers.map((isStatic) => (isStatic ? 's' : 'd')).join('')} modern=${plan.modernMembers}` +
    ` transactional=${plan.transactionalClients}x${plan.transactionPartitions} readers=${plan.readers}` +
    ` internal=${plan.internalPartitions} session=${plan.sessionTimeoutMs}ms transaction=${plan.transactionTimeoutMs}ms` +
    ` shipped=${plan.shipped === null ? 'none' : `${plan.shipped.transformers}t+${plan.shipped.followers}f,${plan.shipped.options}`}` +
    ` delay=${plan.initialDelayMs}ms flush=${plan.strict ? 'each' : 'lazy'} dirs=${options.directories}` +
    ` link=${options.linkDelayMs.join('..')}ms loss=${options.lossProbability} faults=${[...options.faults].join(',') || 'none'}`
  )
}

function describeLog(options: SwarmOptions): string {
  const { topics } = options
  const ofTopics = topics.map(
    (t) =>
      `${t.name}x${t.partitions}/seg=${t.segmentBytes / 1024}K,idx=${t.indexIntervalBytes}` +
      `,flush=${Number.isFinite(t.flushMessages) ? t.flushMessages : 'lazy'}${Number.isFinite(t.flushMs) ? `,${t.flushMs}ms` : ''}` +
      `${Number.isFinite(t.retentionBytes) ? `,ret=${t.retentionBytes}B` : ''}${Number.isFinite(t.retentionMs) ? `,ret=${t.retentionMs}ms` : ''}` +
      `${t.logAppendTime ? ',append-time' : ''}${t.preallocate ? ',preallocate' : ''}`,
  )
  return (
    `topics=${ofTopics.join(' ')} churn=${options.churn ? 'on' : 'off'}` +
    ` clients=${options.idempotentProducers}i+${options.plainProducers}p+${options.consumers}c dirs=${options.directories}` +
    ` link=${options.linkDelayMs.join('..')}ms loss=${options.lossProbability} bursts=${options.bursts ? 'on' : 'off'}` +
    ` codecs=${options.codecs.length > 1 ? 'all' : 'none'} value<=${options.valueBytesMax}` +
    ` faults=${[...options.faults].join(',') || 'none'}`
  )
}
