import type { Admin } from '@ottla/client'
import type { OffsetRange, Position } from './offset-spec.ts'

export interface PartitionRange {
  readonly topic: string
  readonly partition: number
  readonly from: number
  /** Exclusive; `Infinity` to go on for ever. */
  readonly until: number
}

/**
 * What a range means in each partition now. Places outside the log move to its nearer end; without an end the range
 * ends at the present end, or, with `follow`, never.
 */
export async function resolveRange(
  admin: Admin,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
  range: OffsetRange,
  follow: boolean,
): Promise<PartitionRange[]> {
  const ask = async (spec: 'earliest' | 'latest' | { timestamp: number }) => {
    const results = await admin.listOffsets(partitions.map((p) => ({ ...p, spec })))
    return results.map(({ found, error }) => {
      if (found === null) throw error
      return found.offset
    })
  }
  const [starts, ends] = await Promise.all([ask('earliest'), ask('latest')])
  const place = async (position: Position): Promise<number[]> => {
    if (position.kind === 'time') {
      const found = await ask({ timestamp: position.timeMs })
      return found.map((offset, i) => (offset < 0 ? ends[i] : offset))
    }
    return partitions.map((_, i) => placeIn(position, starts[i], ends[i]))
  }
  const from = await place(range.from)
  const until = range.until === null ? null : await place(range.until)
  return partitions.map((p, i) => ({
    ...p,
    from: Math.min(Math.max(from[i], starts[i]), ends[i]),
    until: follow ? (until?.[i] ?? Number.POSITIVE_INFINITY) : Math.min(until?.[i] ?? ends[i], ends[i]),
  }))
}

function placeIn(position: Exclude<Position, { kind: 'time' }>, start: number, end: number): number {
  switch (position.kind) {
    case 'start':
      return start
    case 'end':
      return end
    case 'after-start':
      return start + position.records
    case 'before-end':
      return Math.max(start, end - position.records)
    case 'offset':
      return position.offset
  }
}
