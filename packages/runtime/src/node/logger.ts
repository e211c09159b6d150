import fs from 'node:fs'
import tty from 'node:tty'
import type { LogFields, Logger, LogLevel } from '../ports/logger.ts'
import { dateOf, realClearTimeout, realMonotonicMs, realNowMs, realSetTimeout } from './globals.ts'

export interface NodeLoggerOptions {
  /** Lines below it are dropped. Default `info`; `silent` drops all. */
  readonly level?: LogLevel | 'silent'
  /** `human`: one short line, local time. `json`: one object per line, UTC. Default: `human` on a terminal. */
  readonly format?: 'human' | 'json'
  /** Takes a finished line with its line feed. Default: standard error. */
  readonly write?: (line: string) => void
  /** How long repeats of a message are counted before the count is written. Default 10 000 ms. */
  readonly repeatWindowMs?: number
}

export interface NodeLogger extends Logger {
  /** Writes the counts of repeated lines that are still held back; for the end of a process. */
  flush(): void
}

const rankOf = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, silent: 5 } as const

const repeatWindowMsDefault = 10_000

/** Within one window a message may appear this often with different fields; identical lines appear once. */
const linesPerWindowMax = 20

/** How many different messages are watched for repeats at once; the oldest is let go first. */
const watchedMessagesMax = 256

/** Control and line-separating characters, and those that turn the direction of the text on a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must be found
const unsafeCharacters = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

function escapeUnsafe(text: string): string {
  return text.replace(unsafeCharacters, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function humanValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"'=\\]+$/.test(value) ? value : JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(humanValue).join(',')}]`
  return String(value)
}

function two(n: number): string {
  return n < 10 ? `0${n}` : String(n)
}

/** `HH:MM:SS level message key=value` in local time, without a line feed. */
export function humanLine(level: LogLevel, message: string, fields: LogFields | undefined, wallMs: number): string {
  const at = dateOf(wallMs)
  let line = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${level.padEnd(5)} ${message}`
  for (const key in fields) if (fields[key] !== undefined) line += ` ${key}=${humanValue(fields[key])}`
  return escapeUnsafe(line)
}

/** One JSON object; `time`, `level` and `message` cannot be overwritten by a field of that name. */
export function jsonLine(level: LogLevel, message: string, fields: LogFields | undefined, wallMs: number): string {
  const head = { time: dateOf(wallMs).toISOString(), level, message }
  return escapeUnsafe(JSON.stringify(fields === undefined ? head : { ...head, ...fields, ...head }))
}

const standardErrorFd = 2

function writeToStandardError(line: string): void {
  try {
    fs.writeSync(standardErrorFd, line)
  } catch (error) {
    // A non-blocking pipe that is full takes the line later; one whose reader is gone takes nothing any more.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') process.stderr.write(line)
  }
}

/** One message that was written lately. */
interface Watched {
  readonly level: LogLevel
  readonly message: string
  readonly untilMs: number
  lastFields: string
  written: number
  repeats: number
}

class LineLogger implements NodeLogger {
  readonly level: LogLevel
  readonly #rank: number
  readonly #write: (line: string) => void
  readonly #format: typeof humanLine
  readonly #repeatWindowMs: number
  /** Insertion order is the order of `untilMs`. */
  readonly #watched = new Map<string, Watched>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: NodeLoggerOptions) {
    const level = options.level ?? 'info'
    this.level = level === 'silent' ? 'error' : level
    this.#rank = rankOf[level]
    this.#write = options.write ?? writeToStandardError
    const format = options.format ?? (tty.isatty(standardErrorFd) ? 'human' : 'json')
    this.#format = format === 'human' ? humanLine : jsonLine
    this.#repeatWindowMs = options.repeatWindowMs ?? repeatWindowMsDefault
  }

  trace(message: string, fields?: LogFields): void {
    if (this.#rank <= rankOf.trace) this.#log('trace', message, fields)
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#rank <= rankOf.debug) this.#log('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    if (this.#rank <= rankOf.info) this.#log('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#rank <= rankOf.warn) this.#log('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    if (this.#rank <= rankOf.error) this.#log('error', message, fields)
  }

  flush(): void {
    realClearTimeout(this.#timer)
    this.#timer = undefined
    for (const watched of this.#watched.values()) this.#release(watched)
    this.#watched.clear()
  }

  #log(level: LogLevel, message: string, fields: LogFields | undefined): void {
    const nowMs = realMonotonicMs()
    this.#releaseExpired(nowMs)
    const key = `${level} ${message}`
    const fieldsText = fields === undefined ? '' : JSON.stringify(fields)
    const watched = this.#watched.get(key)
    if (watched === undefined) {
      this.#watch(key, {
        level,
        message,
        untilMs: nowMs + this.#repeatWindowMs,
        lastFields: fieldsText,
        written: 1,
        repeats: 0,
      })
    } else {
      if (watched.lastFields === fieldsText || watched.written >= linesPerWindowMax) {
        watched.repeats += 1
        this.#arm()
        return
      }
      watched.lastFields = fieldsText
      watched.written += 1
    }
    this.#write(`${this.#format(level, message, fields, realNowMs())}\n`)
  }

  #watch(key: string, watched: Watched): void {
    if (this.#watched.size >= watchedMessagesMax) {
      const [oldestKey, oldest] = this.#watched.entries().next().value!
      this.#watched.delete(oldestKey)
      this.#release(oldest)
    }
    this.#watched.set(key, watched)
  }

  #releaseExpired(nowMs: number): void {
    for (const [key, watched] of this.#watched) {
      if (watched.untilMs > nowMs) return
      this.#watched.delete(key)
      this.#release(watched)
    }
  }

  #release(watched: Watched): void {
    if (watched.repeats === 0) return
    const message = `${watched.message} … repeated ${watched.repeats} times`
    this.#write(`${this.#format(watched.level, message, undefined, realNowMs())}\n`)
  }

  /** Runs only while a count is held back, so a quiet logger keeps no timer. */
  #arm(): void {
    if (this.#timer !== undefined) return
    this.#timer = realSetTimeout(() => {
      this.#timer = undefined
      this.#releaseExpired(realMonotonicMs())
      for (const watched of this.#watched.values()) if (watched.repeats > 0) return this.#arm()
    }, this.#repeatWindowMs)
    this.#timer.unref()
  }
}

/** Lines for people on a terminal and JSON lines elsewhere; repeated lines are counted, not repeated. */
export function nodeLogger(options: NodeLoggerOptions = {}): NodeLogger {
  return new LineLogger(options)
}
