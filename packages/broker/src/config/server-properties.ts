import { ConfigError } from './error.ts'

/** What a `.properties` file says. */
export interface ParsedProperties {
  /** Key to value; of a key that occurs twice the last one counts. */
  readonly entries: ReadonlyMap<string, string>
  /** The line, from 1, on which the entry that counts begins. */
  readonly lines: ReadonlyMap<string, number>
  /** Keys that occur more than once, in order of their repetition. */
  readonly duplicates: readonly string[]
}

/**
 * Text of a properties file. Java reads them as ISO-8859-1, but people write UTF-8; whatever is valid UTF-8 is taken
 * as such, everything else as ISO-8859-1.
 */
export function decodeProperties(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  }
}

/**
 * Reads the format of `java.util.Properties.load`: comments (`#`, `!`), lines continued by a backslash, `=`, `:` or
 * blanks between key and value, escapes in both.
 * @param origin name of the file, for messages
 * @throws ConfigError when a `\u` escape has no four hexadecimal digits
 */
export function parseProperties(text: string, origin = 'properties'): ParsedProperties {
  const entries = new Map<string, string>()
  const lines = new Map<string, number>()
  const duplicates: string[] = []
  for (const { text: logical, line } of logicalLines(text)) {
    const { keyEnd, valueStart } = split(logical)
    const where = `${origin} line ${line}`
    const key = unescaped(logical.slice(0, keyEnd), where)
    if (entries.has(key)) duplicates.push(key)
    entries.set(key, unescaped(logical.slice(valueStart), where))
    lines.set(key, line)
  }
  return { entries, lines, duplicates }
}

const isBlank = (char: string) => char === ' ' || char === '\t' || char === '\f'

/**
 * Lines joined over their continuations, without comments and blank lines. A line is continued when an odd number of
 * backslashes ends it; the blanks that begin the next one are dropped, and it cannot be a comment any more. After a
 * backslash with nothing before it a new line begins, which may be a comment.
 */
function* logicalLines(text: string): Generator<{ text: string; line: number }> {
  const natural = text.split(/\r\n|\n|\r/)
  let logical = ''
  let line = 0
  for (const [i, piece] of natural.entries()) {
    const rest = withoutLeadingBlanks(piece)
    if (logical === '') {
      if (rest === '' || rest[0] === '#' || rest[0] === '!') continue
      line = i + 1
    }
    logical += rest
    if (isContinued(logical)) {
      logical = logical.slice(0, -1)
      continue
    }
    yield { text: logical, line }
    logical = ''
  }
  if (logical !== '') yield { text: logical, line }
}

function withoutLeadingBlanks(line: string): string {
  let start = 0
  while (start < line.length && isBlank(line[start])) start++
  return line.slice(start)
}

function isContinued(line: string): boolean {
  let backslashes = 0
  while (backslashes < line.length && line[line.length - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}

function split(line: string): { keyEnd: number; valueStart: number } {
  let keyEnd = 0
  while (keyEnd < line.length && !isBlank(line[keyEnd]) && line[keyEnd] !== '=' && line[keyEnd] !== ':') {
    keyEnd += line[keyEnd] === '\\' ? 2 : 1
  }
  keyEnd = Math.min(keyEnd, line.length)
  let valueStart = keyEnd
  let separated = false
  for (; valueStart < line.length; valueStart++) {
    const char = line[valueStart]
    if (isBlank(char)) continue
    if (separated || (char !== '=' && char !== ':')) break
    separated = true
  }
  return { keyEnd, valueStart }
}

const ESCAPES: { readonly [char: string]: string } = { t: '\t', n: '\n', r: '\r', f: '\f' }

function unescaped(text: string, where: string): string {
  if (!text.includes('\\')) return text
  let result = ''
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\') {
      result += text[i]
      continue
    }
    const char = text[++i]
    if (char === undefined) break
    if (char !== 'u') {
      result += ESCAPES[char] ?? char
      continue
    }
    const digits = text.slice(i + 1, i + 5)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
      throw new ConfigError('', `${where}: \\u must be followed by four hexadecimal digits, not ${digits || 'nothing'}`)
    }
    result += String.fromCharCode(Number.parseInt(digits, 16))
    i += 4
  }
  return result
}
