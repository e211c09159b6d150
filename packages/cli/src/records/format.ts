import { UsageError } from '../command.ts'
import { attributes, number, numberBytes, text, time, type Verb } from './format-forms.ts'
import type { PartitionBounds, ShownRecord } from './record.ts'

export const FORMAT_HELP = `Format of a record for -f (rpk's verbs, and kcat's where they do not clash):
  %t %p %o           topic, partition, offset
  %k %v %s           key, value, value
  %h                 headers as k=v,k=v; %h{%k=%v } with a format for each
  %d                 timestamp in ms; %d{s} in seconds, %d{iso} and %d{local},
                     %d{strftime[%Y-%m-%d %H:%M:%S]},
                     %d{go[2006-01-02T15:04:05Z07:00]}
  %T %K %V %S        lengths of topic, key, value, value; -1 for null
  %R                 length of the value as 4 bytes, big endian
  %H                 number of headers
  %e %x %y           leader epoch, producer id, producer epoch
  %a{compression}    of the batch; also timestamp-type, transactional-bit,
                     control-bit
  %[ %| %]           log start offset, last stable offset and high watermark of
                     the partition when reading began
  %i                 number of the record, from 1
  %% %{ %}           these characters; \\n \\t \\r \\\\ \\0 \\xHH as in C
Texts take a form: %v{hex} %v{base64} %v{base64raw} %v{json} %v{unpack[>iq]}
  (unpack: < little endian, as at first, > big; b h i q numbers of 1, 2, 4, 8
  bytes, in capitals unsigned; c a byte, s the rest, $ nothing is left)
Numbers too: %o{hex} %o{hex64} … %o{hex4} %V{big32} %V{little16} %V{byte}
  %H{bool}, and those of attributes: %a{compression;hex8}`

/** Turns one record into text or bytes. */
export interface RecordFormatter {
  (record: ShownRecord, number: number): Buffer
  /** Shows where the partition begins or ends, so that `bounds` are wanted. */
  readonly asksForBounds: boolean
}

/** Compiles a `-f` format. Throws `UsageError` for a verb or form that is none. */
export function compileFormat(format: string): RecordFormatter {
  if (format === 'json') throw new UsageError('-f takes a format such as %v\\n; JSON is printed by -o jsonl')
  const parts = compile(format, recordVerbs)
  const print = (record: ShownRecord, number: number) => {
    const pieces = parts.map(({ part }) => bytesOf(part(record, number)))
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)
  }
  return Object.assign(print, { asksForBounds: parts.some(({ verb }) => verb !== null && '[|]'.includes(verb)) })
}

function bytesOf(piece: string | Buffer): Buffer {
  return typeof piece === 'string' ? Buffer.from(piece) : piece
}

interface Part<A extends unknown[]> {
  /** Null for text of the format itself. */
  readonly verb: string | null
  readonly part: (...args: A) => string | Buffer
}

function compile<A extends unknown[]>(format: string, verbs: Readonly<Record<string, Verb<A>>>): Part<A>[] {
  const parts: Part<A>[] = []
  let literal: Buffer[] = []
  const cut = () => {
    if (literal.length === 0) return
    const whole = Buffer.concat(literal)
    parts.push({ verb: null, part: () => whole })
    literal = []
  }
  const put = (text: string) => literal.push(Buffer.from(text))
  for (let i = 0; i < format.length; i++) {
    const character = String.fromCodePoint(format.codePointAt(i) as number)
    if (character === '\\') {
      const hex = /^x([0-9a-fA-F]{2})/.exec(format.slice(i + 1))
      if (hex !== null) {
        literal.push(Buffer.from(hex[1], 'hex'))
        i += 3
        continue
      }
      const escaped = escapes[format[i + 1] ?? '']
      if (escaped === undefined) throw new UsageError(`-f: \\${characterAt(format, i + 1)} is no escape`)
      put(escaped)
      i += 1
      continue
    }
    if (character !== '%') {
      put(character)
      i += character.length - 1
      continue
    }
    const name = characterAt(format, i + 1)
    if (name === '%' || name === '{' || name === '}') {
      put(name)
      i += 1
      continue
    }
    if (!Object.hasOwn(verbs, name)) throw new UsageError(`-f: %${name} is no verb (--help lists them)`)
    i += 1
    let modifier: string | null = null
    if (format[i + 1] === '{') {
      const end = closing(format, i + 1)
      modifier = format.slice(i + 2, end)
      i = end
    }
    cut()
    parts.push({ verb: name, part: verbs[name](modifier === '' ? null : modifier) })
  }
  cut()
  return parts
}

function characterAt(text: string, at: number): string {
  return at < text.length ? String.fromCodePoint(text.codePointAt(at) as number) : ''
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
  R: () => (r) => numberBytes(r.value?.length ?? -1, 4, true),
  p: number((r) => r.partition),
  o: number((r) => r.offset),
  e: number((r) => r.batch.partitionLeaderEpoch),
  x: number((r) => r.batch.producerId),
  y: number((r) => r.batch.producerEpoch),
  a: attributes,
  i: number((_, n) => n),
  d: time((r) => r.timestamp),
  h: headers,
  H: number((r) => r.headers.length),
  '[': bound('logStartOffset'),
  '|': bound('lastStableOffset'),
  ']': bound('highWatermark'),
}

function bound(name: keyof PartitionBounds): Verb<[ShownRecord, number]> {
  return number((r) => r.bounds?.[name] ?? -1)
}

type Header = ShownRecord['headers'][number]

const headerVerbs: Readonly<Record<string, Verb<[Header]>>> = {
  k: text((h) => h.key),
  K: number((h) => Buffer.byteLength(h.key)),
  v: text((h) => h.value),
  s: text((h) => h.value),
  V: number((h) => h.value?.length ?? -1),
}

function headers(modifier: string | null): (record: ShownRecord) => string | Buffer {
  if (modifier === null) return (r) => r.headers.map((h) => `${h.key}=${h.value?.toString() ?? 'NULL'}`).join(',')
  const parts = compile(modifier, headerVerbs)
  return (r) => Buffer.concat(r.headers.flatMap((h) => parts.map(({ part }) => bytesOf(part(h)))))
}
