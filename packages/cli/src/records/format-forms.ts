import { CODECS } from '../choices.ts'
import { UsageError } from '../command.ts'
import { formatTime } from '../output/output.ts'
import type { ShownRecord } from './record.ts'
import { goTime, strftime } from './time-patterns.ts'
import { compileUnpack } from './unpack.ts'

/** What one verb prints, given what stands in braces behind it; null for nothing. */
export type Verb<A extends unknown[]> = (form: string | null) => (...args: A) => string | Buffer

export function text<A extends unknown[]>(of: (...args: A) => string | Buffer | null): Verb<A> {
  return (form) => {
    switch (form) {
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
    }
    const layout = enclosed(form, 'unpack')
    if (layout === null) {
      throw new UsageError(`-f: {${form}} is no form of a text: hex, base64, base64raw, json, unpack[…]`)
    }
    const unpack = compileUnpack(layout)
    return (...args) => unpack(bytes(of(...args)))
  }
}

function bytes(value: string | Buffer | null): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : (value ?? Buffer.alloc(0))
}

/** What stands between the brackets, braces or pounds, one or more of them, behind `word`; null when that is not so. */
function enclosed(form: string, word: string): string | null {
  const rest = form.startsWith(word) ? form.slice(word.length) : ''
  const [opening] = /^(\[+|\{+|\(+|#+)/.exec(rest) ?? ['']
  if (opening === '') return null
  const closing = ({ '[': ']', '{': '}', '(': ')', '#': '#' }[opening[0]] as string).repeat(opening.length)
  const isClosed = rest.endsWith(closing) && rest.length >= 2 * opening.length
  return isClosed ? rest.slice(opening.length, -opening.length) : null
}

export function number<A extends unknown[]>(of: (...args: A) => number): Verb<A> {
  return (form) => {
    const print = numberForm(form)
    if (print === null)
      throw new UsageError(`-f: {${form}} is no form of a number: hex, hex8, big32, little16, byte, …`)
    return (...args) => print(of(...args))
  }
}

/** How a number is printed; null for a form that is none. */
function numberForm(form: string | null): ((value: number) => string | Buffer) | null {
  if (form === null || form === 'ascii' || form === 'number') return String
  if (form === 'hex') return (value) => BigInt.asUintN(64, BigInt(value)).toString(16)
  if (form === 'hex4') return (value) => numberBytes(value, 1, true).toString('hex')[1]
  if (form === 'byte') return (value) => numberBytes(value, 1, true)
  if (form === 'bool') return (value) => (value === 0 ? 'false' : 'true')
  const sized = /^(big|little|hex)(8|16|32|64)$/.exec(form)
  if (sized === null) return null
  const size = Number(sized[2]) / 8
  if (sized[1] === 'hex') return (value) => numberBytes(value, size, true).toString('hex')
  return (value) => numberBytes(value, size, sized[1] === 'big')
}

/** The lowest `size` bytes of a number in two's complement. */
export function numberBytes(value: number, size: number, big: boolean): Buffer {
  const wide = Buffer.alloc(8)
  wide.writeBigInt64BE(BigInt(value))
  const narrow = wide.subarray(8 - size)
  return big ? narrow : Buffer.from(narrow).reverse()
}

/** A time in ms since the epoch. */
export function time<A extends unknown[]>(of: (...args: A) => number): Verb<A> {
  const timeForm = (form: string | null): ((ms: number) => string | Buffer) => {
    if (form === 's') return (ms) => String(Math.floor(ms / 1000))
    if (form === 'iso') return (ms) => formatTime(ms, false)
    if (form === 'local') return (ms) => formatTime(ms, true)
    const print =
      patterned(form, 'strftime', strftime) ?? patterned(form, 'go', goTime) ?? numberForm(form === 'ms' ? null : form)
    if (print === null) {
      throw new UsageError(`-f: {${form}} is no form of a time: ms, s, iso, local, strftime[…], go[…], hex64, …`)
    }
    return print
  }
  return (form) => {
    const print = timeForm(form)
    return (...args) => print(of(...args))
  }
}

function patterned(
  form: string | null,
  word: string,
  compile: (pattern: string) => (at: Date) => string,
): ((ms: number) => string) | null {
  const pattern = enclosed(form ?? '', word)
  if (pattern === null) return null
  const print = compile(pattern)
  return (ms) => {
    const at = new Date(ms)
    // None, or beyond what a calendar has names for.
    return ms < 0 || Number.isNaN(at.getTime()) ? formatTime(ms, false) : print(at)
  }
}

const attributeValues: Readonly<Record<string, (record: ShownRecord) => number>> = {
  compression: (r) => r.batch.codec,
  'timestamp-type': (r) => Number(r.batch.isLogAppendTime),
  'transactional-bit': (r) => Number(r.batch.isTransactional),
  'control-bit': (r) => Number(r.batch.isControl),
}

/** `%a{name}`, or `%a{name;form}` with a form of a number. */
export function attributes(form: string | null): (record: ShownRecord) => string | Buffer {
  const [name, ...rest] = (form ?? '').split(';')
  if (!Object.hasOwn(attributeValues, name) || rest.length > 1) {
    throw new UsageError(`-f: %a names an attribute: %a{${Object.keys(attributeValues).join('}, %a{')}}`)
  }
  if (name === 'compression' && rest.length === 0) return (r) => CODECS[r.batch.codec] ?? 'unknown'
  return number(attributeValues[name])(rest[0] ?? null)
}
