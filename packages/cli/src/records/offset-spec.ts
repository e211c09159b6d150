import { UsageError } from '../command.ts'
import { parseDuration, parseTime } from './time.ts'

/** A place in each partition. */
export type Position =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  /** `records` behind the start; may lie beyond the end. */
  | { readonly kind: 'after-start'; readonly records: number }
  /** `records` before the end, the start at most. */
  | { readonly kind: 'before-end'; readonly records: number }
  | { readonly kind: 'offset'; readonly offset: number }
  /** The first record at or after this time, in ms since the epoch; the end when there is none. */
  | { readonly kind: 'time'; readonly timeMs: number }

/** What to read: from the first place, up to but without the second; null for as far as there is. */
export interface OffsetRange {
  readonly from: Position
  readonly until: Position | null
}

export const OFFSET_HELP = `Where to read (as rpk's):
  start              from the first record (the default)
  end                only what comes from now on (with --follow)
  +10, -10           from 10 records behind the start, or before the end
  1234               from offset 1234
  a:b                from a up to, without, b; both as above
  :b, a:             from the start, or up to the present end
  a:+10              10 records from a
  @time              from the first record at or after a time:
                     ms or s since the epoch, 2026-01-31,
                     2026-01-31T12:30:00Z, -15m (before now)
  @a:b               from time a to time b, or to \`end\`
  @a:1h              an hour from time a`

/**
 * Reads `--offset`. Throws `UsageError`. `nowMs` is what relative times count from; with `local`, times without a zone
 * are of this machine's. `option` is what errors call it.
 */
export function parseOffsetRange(text: string, nowMs: number, local = false, option = '--offset'): OffsetRange {
  try {
    const range = rangeOf(text, nowMs, local)
    if (range.until !== null && isBefore(range.until, range.from)) {
      throw new UsageError(`${JSON.stringify(text)} ends before it begins: a range is written from:until`)
    }
    return range
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${option} ${error.message}`)
    throw error
  }
}

/** Whether `a` lies before `b` whatever the log holds; false where that depends on it. */
function isBefore(a: Position, b: Position): boolean {
  switch (a.kind) {
    case 'start':
      return b.kind !== 'start'
    case 'after-start':
      return b.kind === 'after-start' && a.records < b.records
    case 'before-end':
      return (b.kind === 'before-end' && a.records > b.records) || (b.kind === 'end' && a.records > 0)
    case 'offset':
      return b.kind === 'offset' && a.offset < b.offset
    case 'time':
      return b.kind === 'time' && a.timeMs < b.timeMs
    case 'end':
      return false
  }
}

function rangeOf(text: string, nowMs: number, local: boolean): OffsetRange {
  const spec = text.trim()
  if (spec.startsWith('@')) return parseTimeRange(spec.slice(1), (time) => parseTime(time, nowMs, local), text)
  const colon = spec.indexOf(':')
  if (colon < 0) return { from: position(spec, text), until: null }
  const left = spec.slice(0, colon)
  const right = spec.slice(colon + 1)
  const from: Position = left === '' ? { kind: 'start' } : position(left, text)
  if (right === '') return { from, until: { kind: 'end' } }
  const count = /^\+(\d+)$/.exec(right)
  if (count !== null) return { from, until: plus(from, safe(count[1], text), text) }
  return { from, until: position(right, text) }
}

function parseTimeRange(spec: string, timeOf: (text: string) => number | null, text: string): OffsetRange {
  const whole = timeOf(spec)
  if (whole !== null) return { from: { kind: 'time', timeMs: whole }, until: null }
  // Times hold colons themselves: the one that parts the range is the one with a time on both sides.
  for (let at = spec.indexOf(':'); at >= 0; at = spec.indexOf(':', at + 1)) {
    const left = spec.slice(0, at)
    const right = spec.slice(at + 1).replace(/^@/, '')
    const fromMs = left === '' ? null : timeOf(left)
    if (left !== '' && fromMs === null) continue
    const from: Position = fromMs === null ? { kind: 'start' } : { kind: 'time', timeMs: fromMs }
    if (right === '' || right === 'end') return { from, until: { kind: 'end' } }
    const untilMs = behind(left, fromMs, right) ?? timeOf(right)
    if (untilMs !== null) return { from, until: { kind: 'time', timeMs: untilMs } }
  }
  throw wrong(text)
}

/** A length of time counts from the range's beginning; one with a sign from now, where the beginning does, too. */
function behind(left: string, fromMs: number | null, right: string): number | null {
  if (fromMs === null) return null
  const signed = /^([+-])(.+)$/.exec(right)
  if (signed !== null && (/^[+-]/.test(left) || left === 'now')) return null
  const ms = parseDuration(signed === null ? right : signed[2])
  if (ms === null) return null
  return signed?.[1] === '-' ? fromMs - ms : fromMs + ms
}

function position(spec: string, text: string): Position {
  switch (spec) {
    case 'start':
    case 'oldest':
    case 'earliest':
    case 'beginning':
      return { kind: 'start' }
    case 'end':
    case 'newest':
    case 'latest':
      return { kind: 'end' }
  }
  const match = /^([+-]?)(\d+)$/.exec(spec)
  if (match === null) throw wrong(text)
  const number = safe(match[2], text)
  if (match[1] === '+') return { kind: 'after-start', records: number }
  if (match[1] === '-') return { kind: 'before-end', records: number }
  return { kind: 'offset', offset: number }
}

function plus(from: Position, records: number, text: string): Position {
  switch (from.kind) {
    case 'start':
      return { kind: 'after-start', records }
    case 'after-start':
      return { kind: 'after-start', records: from.records + records }
    case 'offset':
      return { kind: 'offset', offset: from.offset + records }
    case 'before-end':
      return records >= from.records ? { kind: 'end' } : { kind: 'before-end', records: from.records - records }
    default:
      throw new UsageError(`${JSON.stringify(text)}: a count of records needs an offset to count from`)
  }
}

function safe(digits: string, text: string): number {
  const number = Number(digits)
  if (!Number.isSafeInteger(number)) throw wrong(text)
  return number
}

function wrong(text: string): UsageError {
  return new UsageError(`${JSON.stringify(text)} is no offset: try start, end, 42, -10, 5:10, @-1h or @2026-01-31`)
}
