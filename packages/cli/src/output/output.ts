import type { Globals, OutputFormat } from '../globals.ts'
import { type Column, toTable } from './table.ts'
import { toYaml } from './yaml.ts'

/** The standard output of a command. Waits while the reader is slower; ends the command quietly when it has gone. */
export class Output {
  readonly format: OutputFormat
  private readonly stream: NodeJS.WriteStream
  private readonly local: boolean
  private readonly signal: AbortSignal
  private gone = false

  /** Nobody waits for a slow reader any more once `signal` is aborted. */
  constructor(
    stream: NodeJS.WriteStream,
    globals: Pick<Globals, 'format' | 'local'>,
    onGone: () => void,
    signal: AbortSignal,
  ) {
    this.stream = stream
    this.signal = signal
    this.format = globals.format ?? 'table'
    this.local = globals.local
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.gone = true
      // Nobody reads any more (`ottla consume … | head`): not an error, only the end.
      if (error.code === 'EPIPE') onGone()
    })
  }

  /** Resolves when more may be written. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.gone || data.length === 0) return
    if (this.stream.write(data) || this.signal.aborted) return
    await new Promise<void>((resolve) => {
      const done = () => {
        this.stream.off('drain', done)
        this.stream.off('error', done)
        this.signal.removeEventListener('abort', done)
        resolve()
      }
      this.stream.on('drain', done)
      this.stream.on('error', done)
      this.signal.addEventListener('abort', done)
    })
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`)
  }

  /** Rows as a table, or the same rows, `data` of each, in a format for machines. */
  async rows<R>(
    rows: readonly R[],
    columns: readonly Column<R>[],
    data: (row: R) => unknown = (row) => row,
  ): Promise<void> {
    if (this.format === 'table') await this.write(toTable(columns, rows))
    else await this.data(rows.map(data))
  }

  /** Data in a format for machines; as JSON where a table was asked for. */
  async data(value: unknown): Promise<void> {
    switch (this.format) {
      case 'yaml':
        return this.write(toYaml(value))
      case 'jsonl':
        return this.write(
          Array.isArray(value) ? value.map((v) => `${JSON.stringify(v)}\n`).join('') : `${JSON.stringify(value)}\n`,
        )
      default:
        return this.write(`${JSON.stringify(value, null, 2)}\n`)
    }
  }

  /** One list whose items come one by one, in a format for machines; as JSON where a table was asked for. */
  items(): ItemList {
    return this.format === 'table' || this.format === 'json' ? new JsonList(this) : new PlainList(this)
  }

  /** A time for a reader, in ms since the epoch: ISO 8601, UTC unless `--local`. */
  time(ms: number): string {
    return formatTime(ms, this.local)
  }
}

/** A list that is written while it grows. */
export interface ItemList {
  add(item: unknown): Promise<void>
  end(): Promise<void>
}

/** JSON lines and YAML: the items one after the other are the list. */
class PlainList implements ItemList {
  private readonly output: Output
  private isEmpty = true

  constructor(output: Output) {
    this.output = output
  }

  async add(item: unknown): Promise<void> {
    this.isEmpty = false
    await this.output.data([item])
  }

  async end(): Promise<void> {
    if (this.isEmpty && this.output.format === 'yaml') await this.output.data([])
  }
}

class JsonList implements ItemList {
  private readonly output: Output
  private isEmpty = true

  constructor(output: Output) {
    this.output = output
  }

  async add(item: unknown): Promise<void> {
    const text = JSON.stringify(item, null, 2).replace(/^/gm, '  ')
    await this.output.write(`${this.isEmpty ? '[' : ','}\n${text}`)
    this.isEmpty = false
  }

  async end(): Promise<void> {
    await this.output.write(this.isEmpty ? '[]\n' : '\n]\n')
  }
}

export function formatTime(ms: number, local: boolean): string {
  if (ms < 0) return '-'
  const at = new Date(ms)
  if (Number.isNaN(at.getTime())) return String(ms)
  if (!local) return at.toISOString()
  const offsetMinutes = -at.getTimezoneOffset()
  const shifted = new Date(ms + offsetMinutes * 60_000).toISOString().slice(0, -1)
  const sign = offsetMinutes < 0 ? '-' : '+'
  const absolute = Math.abs(offsetMinutes)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${shifted}${sign}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`
}
