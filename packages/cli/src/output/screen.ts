import type { Output } from './output.ts'

const ROWS_DEFAULT = 24

/** Pages that take each other's place on a terminal, and follow each other anywhere else. */
export class Screen {
  private readonly output: Output
  private readonly stream: NodeJS.WriteStream
  private shown = 0

  constructor(output: Output, stream: NodeJS.WriteStream = process.stdout) {
    this.output = output
    this.stream = stream
  }

  /** `text` is lines that each end with a line feed; those below the terminal's edge are counted instead. */
  async show(text: string): Promise<void> {
    this.shown += 1
    if (!this.stream.isTTY) return this.output.write(this.shown === 1 ? text : `\n${text}`)
    const room = Math.max(2, (this.stream.rows || ROWS_DEFAULT) - 1)
    const columns = this.stream.columns || 80
    const lines = text.split('\n').slice(0, -1)
    const page = lines.length <= room ? lines : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`]
    // Lines are cut, since those that wrap would push the first ones out; what stood there before is erased.
    const drawn = page.map((line) => `${line.slice(0, columns)}\x1b[K\n`).join('')
    await this.output.write(`${this.shown === 1 ? '\x1b[2J' : ''}\x1b[H${drawn}\x1b[J`)
  }
}
