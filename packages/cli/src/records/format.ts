import { UsageError } from '../command.ts'
import { formatTime } from '../output/output.ts'
import type { ShownRecord } from './record.ts'

export const FORMAT_HELP = `Format of a record for -f (rpk's verbs, and kcat's where they do not clash):
  %t topic   %p partition   %o offset   %e leader epoch   %i number of the record, from 1
  %k key     %v %s value    %h headers as k=v,k=v   %h{%k=%v } with a format of its own for each
  %T %K %V %S %H            lengths of topic, key, value, value, and the number of headers
  %R         length of the value as 4 bytes, big endian
  %d         timestamp in ms; %d{s} seconds, %d{iso} UTC, %d{local}, %d{strftime[%Y-%m-%d %H:%M:%S]}
  %% %{ %}   these characters;  \\n \\t \\r \\\\ \\0 \\xHH as in C
Texts take a form: %v{hex}, %v{base64}, %v{json}. Numbers too: %o{hex}, %V{big32}, %V{little16}, %V{big64}, %V{byte}.`

/** Turns one record into text or bytes. */
export type RecordFormatter = (record: ShownRecord, number: number) => Buffer

type Part = (record: ShownRecord, number: number) => string | Buffer

/** Compiles a `-f` format. Throws `UsageError` for a verb or form that is none. */
export function compileFormat(format: string): RecordFormatter {
  const parts = compile(format, recordVerbs)
  return (record, number) => {
    const pieces = parts.map((part) => {
      const piece = part(record, number)
      return typeof piece === 'string' ? Buffer.from(piece) : piece
    })
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)
  }
}

type Verb<A extends unknown[]> = (modifier: string | null) => (...args: A) => string | Buffer

function compile<A extends unknown[]>(
  format: string,
  verbs: Readonly<Record<string, Verb<A>>>,
): ((...args: A) => string | Buffer)[] {
  const parts: ((...args: A) => string | Buffer)[] = []
  let literal: Buffer[] = []
  const cut = () => {
    if (literal.length === 0) return
    const whole = Buffer.concat(literal)
    parts.push(() => whole)
    literal = []
  }
  const put = (text: string) => literal.push(Buffer.from(text))
  for (let i = 0; i < format.length; i++) {
    const character = String.fromCodePoint(format.codePointAt(i) as number)
    if (character.length === 2) {
      put(character)
      i += 1
      continue
    }
    if (character === '\\') {
      const hex = /^x([0-9a-fA-F]{2})/.exec(format.slice(i + 1))
      if (hex !== null) {
        literal.push(Buffer.from(hex[1], 'hex'))
        i += 3
        continue
      }
      const escaped = escapes[format[i + 1] ?? '']
      if (escaped === undefined) throw new UsageError(`-f: \\${format[i + 1] ?? ''} is no escape`)
      put(escaped)
      i += 1
      continue
    }
    if (character !== '%') {
      put(character)
      continue
    }
    const name = format[i + 1]
    if (name === '%' || name === '{' || name === '}') {
      put(name)
      i += 1
      continue
    }
    const verb = name === undefined ? undefined : verbs[name]
    if (verb === undefined) throw new UsageError(`-f: %${name ?? ''} is no verb`)
    i += 1
    let modifier: string | null = null
    if (format[i + 1] === '{') {
      const end = closing(format, i + 1)
      modifier = format.slice(i + 2, end)
      i = end
    }
    cut()
    parts.push(verb(modifier))
  }
  cut()
  return parts
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '0': '\0' }

/** Where the brace that opens at `open` closes; `%{` and `%}` inside do not count. */
function closing(format: string, open: number): number {
  let depth = 0
  for (let i = open; i < format.length; i++) {
    if (format[i] === '%' && (format[i + 1] === '{' || format[i + 1] === '}')) i += 1
    else if (format[i] === '{') depth += 1
    else if (format[i] === '}' && --depth === 0) return i
  }
  throw new UsageError(`-f: the brace in ${JSON.stringify(format.slice(open - 2, open + 8))} is not closed`)
}

const recordVerbs: Readonly<Record<string, Verb<[ShownRecord, number]>>> = {
  t: text((r) => r.topic),
  T: number((r) => Buffer.byteLength(r.topic)),
  k: text((r) => r.key),
  K: number((r) => r.key?.length ?? -1),
  v: text((r) => r.value),
  s: text((r) => r.value),
  V: number((r) => r.value?.length ?? -1),
  S: number((r) => r.value?.length ?? -1),
  R: () => (r) => integer(r.value?.length ?? -1, 4, true),
  p: number((r) => r.partition),
  o: number((r) => r.offset),
  e: number((r) => r.leaderEpoch ?? -1),
  i: number((_, n) => n),
  d: timestamp,
  h: headers,
  H: number((r) => r.headers.length),
}

function text<A extends unknown[]>(of: (...args: A) => string | Buffer | null): Verb<A> {
  return (modifier) => {
    switch (modifier) {
      case null:
        return (...args) => of(...args) ?? ''
      case 'hex':
        return (...args) => bytes(of(...args)).toString('hex')
      case 'base64':
        return (...args) => bytes(of(...args)).toString('base64')
      case 'base64raw':
        return (...args) =>
          bytes(of(...args))
            .toString('base64')
            .replace(/=+$/, '')
      case 'json':
        return (...args) => {
          const value = of(...args)
          return value === null ? 'null' : JSON.stringify(value.toString())
        }
      default:
        throw new UsageError(`-f: {${modifier}} is no form of a text: hex, base64, base64raw, json`)
    }
  }
}

function bytes(value: string | Buffer | null): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : (value ?? Buffer.alloc(0))
}

function number<A extends unknown[]>(of: (...args: A) => number): Verb<A> {
  return (modifier) => {
    if (modifier === null || modifier === 'ascii') return (...args) => String(of(...args))
    if (modifier === 'hex') return (...args) => BigInt.asUintN(64, BigInt(of(...args))).toString(16)
    if (modifier === 'byte') return (...args) => integer(of(...args), 1, true)
    if (modifier === 'bool') return (...args) => (of(...args) === 0 ? 'false' : 'true')
    const sized = /^(big|little|hex)(8|16|32|64)$/.exec(modifier)
    if (sized === null) throw new UsageError(`-f: {${modifier}} is no form of a number: hex, big32, little16, byte, …`)
    const size = Number(sized[2]) / 8
    if (sized[1] === 'hex') return (...args) => integer(of(...args), size, true).toString('hex')
    return (...args) => integer(of(...args), size, sized[1] === 'big')
  }
}

function integer(value: number, size: number, big: boolean): Buffer {
  const wide = Buffer.alloc(8)
  wide.writeBigInt64BE(BigInt(value))
  const narrow = wide.subarray(8 - size)
  return big ? narrow : Buffer.from(narrow).reverse()
}

function timestamp(modifier: string | null): Part {
  if (modifier === null || modifier === 'ms' || modifier === 'ascii') return (r) => String(r.timestamp)
  if (modifier === 's') return (r) => String(Math.floor(r.timestamp / 1000))
  if (modifier === 'iso') return (r) => formatTime(r.timestamp, false)
  if (modifier === 'local') return (r) => formatTime(r.timestamp, true)
  const pattern = /^strftime\[(.*)\]$/s.exec(modifier)
  if (pattern === null) throw new UsageError(`-f: {${modifier}} is no form of a time: ms, s, iso, local, strftime[…]`)
  return (r) => strftime(pattern[1], r.timestamp)
}

function strftime(pattern: string, ms: number): string {
  const iso = new Date(ms).toISOString()
  const fields: Readonly<Record<string, string>> = {
    Y: iso.slice(0, 4),
    m: iso.slice(5, 7),
    d: iso.slice(8, 10),
    H: iso.slice(11, 13),
    M: iso.slice(14, 16),
    S: iso.slice(17, 19),
    f: iso.slice(20, 23),
    F: iso.slice(0, 10),
    T: iso.slice(11, 19),
    s: String(Math.floor(ms / 1000)),
    '%': '%',
  }
  return pattern.replace(/%(.)/g, (all, name: string) => fields[name] ?? all)
}

type Header = ShownRecord['headers'][number]

const headerVerbs: Readonly<Record<string, Verb<[Header]>>> = {
  k: text((h) => h.key),
  K: number((h) => Buffer.byteLength(h.key)),
  v: text((h) => h.value),
  s: text((h) => h.value),
  V: number((h) => h.value?.length ?? -1),
}

function headers(modifier: string | null): Part {
  if (modifier === null) return (r) => r.headers.map((h) => `${h.key}=${h.value?.toString() ?? 'NULL'}`).join(',')
  const parts = compile(modifier, headerVerbs)
  return (r) => Buffer.concat(r.headers.flatMap((h) => parts.map((part) => bytes(part(h)))))
}
