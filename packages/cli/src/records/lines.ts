import { UsageError } from '../command.ts'

/** A line may have so many bytes; a record cannot be larger anyway. */
const LINE_BYTES_MAX = 128 * 1024 * 1024
const LINE_FEED = 0x0a

/** The lines of a byte stream, without their line feed; the last one needs none. The buffers may be kept. */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer[], void, undefined> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of stream) {
    const lines: Buffer[] = []
    let from = 0
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      const piece = chunk.subarray(from, at)
      if (rest.length > 0) {
        lines.push(Buffer.concat([...rest, piece]))
        rest = []
        restBytes = 0
      } else {
        lines.push(piece)
      }
      from = at + 1
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from))
      restBytes += chunk.length - from
      if (restBytes > LINE_BYTES_MAX) throw new UsageError(`a line has more than ${LINE_BYTES_MAX} bytes`)
    }
    if (lines.length > 0) yield lines
  }
  if (rest.length > 0) yield [Buffer.concat(rest)]
}
