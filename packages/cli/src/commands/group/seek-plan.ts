import type { Admin, KafkaError } from '@ottla/client'
import type { Position } from '../../records/offset-spec.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Where a group shall go on. */
export type Target =
  | { readonly kind: 'place'; readonly position: Position }
  /** From where it is now, forwards or backwards. */
  | { readonly kind: 'by'; readonly records: number }
  /** Where another group is, or what a file says. */
  | { readonly kind: 'offsets'; readonly of: string; readonly offsets: ReadonlyMap<string, number> }
  /** Stays; for an export. */
  | { readonly kind: 'current' }

/** What happens to one partition. */
export interface Move extends TopicPartition {
  /** The offset committed now; null for none. */
  readonly from: number | null
  /** The offset to commit; null when there is none, `note` says why. */
  readonly to: number | null
  readonly note: string | null
  readonly error: KafkaError | null
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** What the target means in each partition. Places outside the log move to its nearer end, as consumers would. */
export async function planMoves(
  admin: Admin,
  partitions: readonly TopicPartition[],
  committed: ReadonlyMap<string, number>,
  target: Target,
): Promise<Move[]> {
  const ask = (spec: 'earliest' | 'latest' | { timestamp: number }) =>
    admin.listOffsets(partitions.map(({ topic, partition }) => ({ topic, partition, spec })))
  const timeMs = target.kind === 'place' && target.position.kind === 'time' ? target.position.timeMs : null
  const [starts, ends, times] = await Promise.all([
    ask('earliest'),
    ask('latest'),
    timeMs === null ? null : ask({ timestamp: timeMs }),
  ])
  return partitions.map(({ topic, partition }, i) => {
    const from = committed.get(keyOf({ topic, partition })) ?? null
    const error = starts[i].error ?? ends[i].error ?? times?.[i].error ?? null
    const failed = { topic, partition, from, to: null }
    if (error !== null) return { ...failed, note: null, error }
    const start = starts[i].found?.offset ?? 0
    const end = ends[i].found?.offset ?? 0
    const asked = placeIn(target, { topic, partition }, { from, start, end, atTime: times?.[i].found?.offset ?? -1 })
    if (typeof asked === 'string') return { ...failed, note: asked, error: null }
    const to = Math.min(Math.max(asked.offset, start), end)
    const note =
      to === asked.offset ? asked.note : `${asked.offset} is ${to === start ? 'before the start' : 'behind the end'}`
    return { topic, partition, from, to, note, error: null }
  })
}

interface Bounds {
  readonly from: number | null
  readonly start: number
  readonly end: number
  /** -1 when no record is that young. */
  readonly atTime: number
}

/** An offset with what is to be said of it, or why there is none. */
function placeIn(
  target: Target,
  partition: TopicPartition,
  { from, start, end, atTime }: Bounds,
): { offset: number; note: string | null } | string {
  const at = (offset: number, note: string | null = null) => ({ offset, note })
  switch (target.kind) {
    case 'current':
      return from === null ? 'nothing committed' : at(from)
    case 'by':
      return from === null ? 'nothing committed to count from' : at(from + target.records)
    case 'offsets': {
      const offset = target.offsets.get(keyOf(partition))
      return offset === undefined ? `not in ${target.of}` : at(offset)
    }
  }
  const { position } = target
  switch (position.kind) {
    case 'start':
      return at(start)
    case 'end':
      return at(end)
    case 'after-start':
      return at(start + position.records)
    case 'before-end':
      return at(Math.max(start, end - position.records))
    case 'offset':
      return at(position.offset)
    case 'time':
      return atTime < 0 ? at(end, 'no record that young: the end') : at(atTime)
  }
}
