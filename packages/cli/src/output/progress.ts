/** How often the line is drawn, in ms. */
const INTERVAL_MS = 50
const BAR_COLUMNS = 24

/** A line on the terminal's standard error that is drawn over itself; nothing anywhere else. */
export class Progress {
  private readonly title: string
  private readonly total: number | null
  private readonly stream: NodeJS.WriteStream
  private readonly startMs: number = performance.now()
  private drawnMs: number = this.startMs
  private done = 0
  private shown = false
  private readonly hidden: boolean

  /** `total` null: not known. `hidden`: something else has the terminal. */
  constructor(title: string, total: number | null, hidden = false, stream: NodeJS.WriteStream = process.stderr) {
    this.title = title
    this.total = total
    this.hidden = hidden
    this.stream = stream
  }

  update(done: number): void {
    this.done = done
    if (this.hidden || !this.stream.isTTY || process.env.CI) return
    const nowMs = performance.now()
    if (nowMs - this.drawnMs < INTERVAL_MS) return
    this.drawnMs = nowMs
    this.shown = true
    // A line that wraps would not be drawn over.
    const line = this.line(nowMs).slice(0, Math.max(0, (this.stream.columns || 80) - 1))
    this.stream.write(`\r\x1b[K${line}`)
  }

  /** Takes the line away. */
  end(): void {
    if (this.shown) this.stream.write('\r\x1b[K')
    this.shown = false
  }

  private line(nowMs: number): string {
    const seconds = Math.max(0.001, (nowMs - this.startMs) / 1000)
    const rate = `${formatCount(Math.round(this.done / seconds))}/s`
    if (this.total === null || this.total === 0) return `${this.title} ${formatCount(this.done)}  ${rate}`
    const share = Math.min(1, this.done / this.total)
    const filled = Math.round(share * BAR_COLUMNS)
    const bar = '#'.repeat(filled) + '.'.repeat(BAR_COLUMNS - filled)
    return `${this.title} [${bar}] ${Math.floor(share * 100)} %  ${formatCount(this.done)} of ${formatCount(this.total)}  ${rate}`
  }
}

/** `1234567` as `1 234 567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ')
}

/** `1 record`, `2 records`. */
export function formatRecords(count: number): string {
  return formatNumber(count, 'record')
}

/** `1 topic`, `2 topics`. */
export function formatNumber(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? '' : 's'}`
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
