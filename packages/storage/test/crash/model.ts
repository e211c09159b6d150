/**
 * What the log of a script may and must hold after a crash. Every fact has two moments, as numbers of disk events: when
 * it was begun (from then on a crash may show it) and when it was promised (from then on it must).
 */

export const NEVER = Number.POSITIVE_INFINITY

export interface SentRecord {
  readonly offset: number
  readonly identity: string
  readonly key: string | null
  readonly tombstone: boolean
  readonly timestamp: number
  /** A crash before cannot show it. */
  readonly begun: number
  /** Written to the operating system: survives kill -9 from then on. */
  written: number
  /** On the device: survives a power cut from then on. */
  durable: number
  /** Truncation: from `removalBegun` on it may be gone, from `removed` on it must be. */
  removalBegun: number
  removed: number
}

export interface StartMove {
  readonly offset: number
  readonly begun: number
  promised: number
}

export interface ModelLog {
  readonly topic: string
  /** Acks wait for the device. */
  readonly flushed: boolean
  readonly compacted: boolean
  readonly records: SentRecord[]
  /** Offsets of records in transactions: where these are aborted, compaction drops them. */
  readonly transactional: Set<number>
  readonly starts: StartMove[]
  created: number
  deletionBegun: number
  deleted: number
}

export function newModelLog(topic: string, flushed: boolean, compacted: boolean, created: number): ModelLog {
  return {
    topic,
    flushed,
    compacted,
    records: [],
    transactional: new Set(),
    starts: [],
    created,
    deletionBegun: NEVER,
    deleted: NEVER,
  }
}

/** Which records a crash after `index` events may show, and which it must. `kill`: nothing of the page cache was lost. */
export function boundsOf(
  model: ModelLog,
  index: number,
  kill: boolean,
): {
  readonly possible: Map<number, SentRecord[]>
  readonly required: SentRecord[]
  readonly startMin: number
  readonly startMax: number
} {
  const possible = new Map<number, SentRecord[]>()
  const required: SentRecord[] = []
  let startMin = 0
  let startMax = 0
  for (const move of model.starts) {
    if (move.promised <= index) startMin = Math.max(startMin, move.offset)
    if (move.begun < index) startMax = Math.max(startMax, move.offset)
  }
  for (const record of model.records) {
    if (record.begun > index || record.removed <= index) continue
    const at = possible.get(record.offset)
    if (at === undefined) possible.set(record.offset, [record])
    else at.push(record)
    const since = kill ? record.written : record.durable
    if (since <= index && record.removalBegun > index) required.push(record)
  }
  return { possible, required, startMin, startMax }
}
