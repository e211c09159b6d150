import type { RecordHeader } from '@ottla/protocol/records'

/** Text is sent as UTF-8. */
export type Content = string | Uint8Array | null

export interface ProducerRecord {
  /** Chosen by the partitioner if left out. */
  readonly partition?: number
  readonly key?: Content
  /** Null is a tombstone. */
  readonly value?: Content
  readonly headers?: readonly { readonly key: string; readonly value: Content }[] | Readonly<Record<string, Content>>
  /** Ms since the epoch. Default: now. */
  readonly timestamp?: number
}

/** Of key and value, in bytes, as far as their lengths tell. */
export function lengthOf({ key, value }: ProducerRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0)
}

const FIELDS = new Set(['partition', 'key', 'value', 'headers', 'timestamp'])

/** What is wrong with what a program without types has given. Looked at before anything of it waits. */
export function problemOf(topic: unknown, record: ProducerRecord): string | null {
  if (typeof topic !== 'string' || topic === '' || typeof record !== 'object' || record === null)
    return "what is sent is a topic's name and a record, such as 'orders', { key, value }"
  const { key, value, headers } = record
  if (value === undefined && !isBareRecord(record))
    return `a record for ${topic} is an object such as { key, value }; several are sent with sendAll`
  // One look at a name that is not there, not a walk over all: every record comes by here.
  if ((record as { header?: unknown }).header !== undefined)
    return `a record for ${topic} has no field header; did you mean headers?`
  if (!isContent(key) || !isContent(value) || (headers !== undefined && !areHeaders(headers)))
    return `a record for ${topic}: keys, values and headers are strings, Uint8Arrays or null`
  return null
}

/** A tombstone without a key is a record; something else altogether is not. */
function isBareRecord(record: object): boolean {
  return !Array.isArray(record) && !ArrayBuffer.isView(record) && Object.keys(record).every((name) => FIELDS.has(name))
}

function areHeaders(headers: unknown): boolean {
  if (headers === null) return true
  // A Map has no properties, and would be no headers at all.
  if (!Array.isArray(headers) && Symbol.iterator in Object(headers)) return false
  if (Array.isArray(headers)) return headers.every((h) => typeof h?.key === 'string' && isContent(h.value))
  return typeof headers === 'object' && Object.values(headers).every(isContent)
}

/** What waits stays what it was when its sender uses the buffers again, as what is appended at once does. */
export function ownCopyOf({ partition, key, value, headers, timestamp }: ProducerRecord): ProducerRecord {
  const own = headersOf(headers ?? {}).map((header) => ({ key: header.key, value: ownBytes(header.value) }))
  return { partition, key: ownBytes(key), value: ownBytes(value), headers: own, timestamp }
}

function ownBytes<T extends Content | undefined>(content: T): T | Uint8Array {
  return typeof content === 'string' || content === null || content === undefined ? content : Buffer.from(content)
}

export function bytesOf(content: Content | undefined): Uint8Array | null {
  if (content === undefined || content === null) return null
  return typeof content === 'string' ? Buffer.from(content) : content
}

/** A test runner's arrays are of another realm than ours. */
function isContent(content: unknown): boolean {
  if (typeof content === 'string' || content === null || content === undefined) return true
  return ArrayBuffer.isView(content) && (content as Uint8Array).BYTES_PER_ELEMENT === 1
}

export function headersOf(headers: NonNullable<ProducerRecord['headers']>): RecordHeader[] {
  if (Array.isArray(headers)) return headers.map((h) => ({ key: h.key, value: bytesOf(h.value) }))
  return Object.entries(headers as Record<string, Content>).map(([key, value]) => ({ key, value: bytesOf(value) }))
}
