import { isUtf8 } from 'node:buffer'
import { UsageError } from '../command.ts'
import { formatTime } from '../output/output.ts'
import type { ShownRecord } from './record.ts'

/**
 * A record as one JSON object, which `produce` reads back as it was: bytes that are no UTF-8 are written in base64 under
 * another name (`valueBase64` for `value`), null stays null. `time` is the timestamp for a reader, UTC or of this
 * machine's zone with `local`; it is not read back.
 */
export function recordToJson(record: ShownRecord, local: boolean): Record<string, unknown> {
  const json: Record<string, unknown> = {
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestamp,
    time: record.timestamp < 0 ? null : formatTime(record.timestamp, local),
  }
  putBytes(json, 'key', record.key)
  putBytes(json, 'value', record.value)
  if (record.headers.length > 0) {
    json.headers = record.headers.map((h) => {
      const header: Record<string, unknown> = { key: h.key }
      putBytes(header, 'value', h.value)
      return header
    })
  }
  return json
}

function putBytes(json: Record<string, unknown>, name: string, bytes: Buffer | null): void {
  if (bytes === null) json[name] = null
  else if (isUtf8(bytes)) json[name] = bytes.toString()
  else json[`${name}Base64`] = bytes.toString('base64')
}

/** A record to send. */
export interface InputRecord {
  topic?: string
  partition?: number
  timestamp?: number
  key: Buffer | null
  value: Buffer | null
  headers: { key: string; value: Buffer | null }[]
}

/** Reads what `recordToJson` wrote; key and value may also be numbers, objects or arrays, sent as JSON. */
export function recordFromJson(line: string, where: string): InputRecord {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch (error) {
    throw new UsageError(`${where}: not JSON: ${(error as Error).message}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new UsageError(`${where}: a record is an object with key, value, headers, …`)
  }
  const fields = json as Record<string, unknown>
  // Other tools' records have fields of their own; this one would be lost.
  if (fields.header !== undefined) throw new UsageError(`${where}: a record has no header; did you mean headers?`)
  return {
    topic: typeof fields.topic === 'string' ? fields.topic : undefined,
    partition: integerField(fields, 'partition', where),
    timestamp: integerField(fields, 'timestamp', where),
    key: getBytes(fields, 'key', where),
    value: getBytes(fields, 'value', where),
    headers: headersOf(fields.headers, where),
  }
}

function integerField(fields: Record<string, unknown>, name: string, where: string): number | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (!Number.isSafeInteger(value)) throw new UsageError(`${where}: ${name} is no whole number`)
  return value as number
}

function getBytes(fields: Record<string, unknown>, name: string, where: string): Buffer | null {
  const base64 = fields[`${name}Base64`]
  if (typeof base64 === 'string') {
    const bytes = Buffer.from(base64, 'base64')
    if (bytes.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '')) {
      throw new UsageError(`${where}: ${name}Base64 is no base64`)
    }
    return bytes
  }
  const value = fields[name]
  if (value === undefined || value === null) return null
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

/** A list of `{ key, value }`, or an object. */
function headersOf(value: unknown, where: string): InputRecord['headers'] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) {
    return value.map((header) => {
      if (typeof header !== 'object' || header === null || typeof header.key !== 'string') {
        throw new UsageError(`${where}: a header is an object with key and value`)
      }
      return { key: header.key, value: getBytes(header, 'value', where) }
    })
  }
  if (typeof value !== 'object') throw new UsageError(`${where}: headers are a list or an object`)
  return Object.entries(value).map(([key, v]) => ({
    key,
    value: v === null ? null : Buffer.from(typeof v === 'string' ? v : JSON.stringify(v)),
  }))
}
