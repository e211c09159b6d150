import type { Assignment } from './assignor.ts'

/** What a member was given last. */
export interface LastAssignment {
  readonly assignment: Assignment
  /** -1 where it does not say. */
  readonly generation: number
}

/**
 * What members that assign by `sticky` tell the leader (`StickyAssignor` in Apache Kafka, version 1): topics with their partitions, each
 * counted by an int32, and the generation.
 */
export function encodeStickyData({ assignment, generation }: LastAssignment): Buffer {
  const parts: Buffer[] = [int32(assignment.size)]
  for (const [topic, partitions] of assignment) {
    const name = Buffer.from(topic)
    const length = Buffer.alloc(2)
    length.writeInt16BE(name.length)
    parts.push(length, name, int32(partitions.length), ...partitions.map(int32))
  }
  return Buffer.concat([...parts, int32(generation)])
}

/** Null for what no member of that kind sends. Version 0 has no generation. */
export function decodeStickyData(data: Buffer): LastAssignment | null {
  const assignment = new Map<string, number[]>()
  let at = 0
  const next = (): number => {
    at += 4
    return data.readInt32BE(at - 4)
  }
  try {
    for (let topics = next(); topics > 0; topics--) {
      const length = data.readInt16BE(at)
      at += 2
      if (length < 0 || length > data.length - at) return null
      const topic = data.toString('utf8', at, at + length)
      at += length
      const partitions: number[] = []
      // Each of them takes bytes, so a count that is too large ends with those.
      for (let count = next(); count > 0; count--) partitions.push(next())
      assignment.set(topic, partitions)
    }
    return { assignment, generation: at === data.length ? -1 : next() }
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
