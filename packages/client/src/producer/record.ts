import type { RecordHeader } from '@ottla/protocol/records'

/** Text is sent as UTF-8. */
export type Content = string | Uint8Array | null

/** Keys and values are what the producer's serializers take; without one, `Content`. */
export interface ProducerRecord<K = Content, V = Content> {
  /** Chosen by the partitioner if left out. */
  readonly partition?: number
  readonly key?: K | null
  /** Null is a tombstone. */
  readonly value?: V | null
  readonly headers?: readonly { readonly key: string; readonly value: Content }[] | Readonly<Record<string, Content>>
  /** Ms since the epoch. Default: now. */
  readonly timestamp?: number
}

/** A record whose key and value are by themselves: bytes, or the text that becomes them. */
export interface SerializedRecord {
  readonly key: Content
  readonly value: Content
  readonly rest: RecordRest
}

export type RecordRest = Pick<ProducerRecord, 'partition' | 'headers' | 'timestamp'>

/** Of key and value, in bytes, as far as their lengths tell. */
export function lengthOf({ key, value }: SerializedRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0)
}

const FIELDS = new Set(['partition', 'key', 'value', 'headers', 'timestamp'])

/** What is wrong with what a program without types has given. Looked at before anything of it waits. */
export function problemOf(topic: unknown, record: ProducerRecord<unknown, unknown>): string | null {
  if (typeof topic !== 'string' || topic === '' || typeof record !== 'object' || record === null)
    return "what is sent is a topic's name and a record, such as 'orders', { key, value }"
  const { value, headers } = record
  if (value === undefined && !isBareRecord(record))
    return `a record for ${topic} is an object such as { key, value }; several are sent with sendAll`
  // One look at a name that is not there, not a walk over all: every record comes by here.
  if ((record as { header?: unknown }).header !== undefined)
    return `a record for ${topic} has no field header; did you mean headers?`
  if (headers !== undefined && !areHeaders(headers)) return notContent(topic)
  return null
}

export function notContent(topic: string): string {
  return `a record for ${topic}: keys, values and headers are strings, Uint8Arrays or null; a serializer makes them of other data`
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
export function ownCopyOf(
  key: Content,
  value: Content,
  { partition, headers, timestamp }: RecordRest,
): SerializedRecord {
  const own = headersOf(headers ?? {}).map((header) => ({ key: header.key, value: ownBytes(header.value) }))
  return { key: ownBytes(key), value: ownBytes(value), rest: { partition, headers: own, timestamp } }
}

function ownBytes(content: Content): Content {
  return typeof content === 'string' || content === null ? content : Buffer.from(content)
}

export function bytesOf(content: Content | undefined): Uint8Array | null {
  if (content === undefined || content === null) return null
  return typeof content === 'string' ? Buffer.from(content) : content
}

/** A test runner's arrays are of another realm than ours. */
export function isContent(content: unknown): content is Content {
  if (typeof content === 'string' || content === null || content === undefined) return true
  return ArrayBuffer.isView(content) && (content as Uint8Array).BYTES_PER_ELEMENT === 1
}

export function headersOf(headers: NonNullable<ProducerRecord['headers']>): RecordHeader[] {
  if (Array.isArray(headers)) return headers.map((h) => ({ key: h.key, value: bytesOf(h.value) }))
  return Object.entries(headers as Record<string, Content>).map(([key, value]) => ({ key, value: bytesOf(value) }))
}
