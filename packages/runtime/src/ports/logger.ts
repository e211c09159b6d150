/** Levels from chatty to fatal, as in Kafka's log4j set-up. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error'

/** Facts beside a log line: flat, JSON-safe, never a secret. */
export type LogFields = Readonly<
  Record<string, string | number | boolean | null | undefined | readonly (string | number)[]>
>

/** One line per event a person at night would want. No caller builds a string for a level that is off. */
export interface Logger {
  readonly level: LogLevel
  trace(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** Swallows everything; for tests and for embedded use without a log. */
export const silentLogger: Logger = {
  level: 'error',
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
}
