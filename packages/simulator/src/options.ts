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

/** What one seed is about; drawn from the seed alone. */
export interface SwarmOptions {
  readonly seed: number
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

export function drawOptions(seed: number): SwarmOptions {
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
