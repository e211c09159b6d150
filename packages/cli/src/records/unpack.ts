import { UsageError } from '../command.ts'

/** Takes what it reads from the front of the bytes: what to print, and how many bytes were read. */
type Step = (bytes: Buffer) => { readonly print: string | Buffer; readonly taken: number }

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, i: 4, q: 8 }

/**
 * Compiles an `unpack` layout of rpk, much like Python's `struct`: `<` and `>` change the byte order of what follows
 * (little endian at first), `b h i q` are signed numbers of 1, 2, 4 and 8 bytes and `B H I Q` unsigned ones, `c` or `.`
 * is one byte as it is, `s` all that is left, `$` says that nothing may be left, `x` means nothing. Bytes that are
 * missing or too many are told in the output. Throws `UsageError`.
 */
export function compileUnpack(layout: string): (bytes: Buffer) => Buffer {
  const steps: Step[] = []
  let big = false
  for (const [i, symbol] of [...layout].entries()) {
    if ((symbol === 's' || symbol === '$') && i < [...layout].length - 1) {
      throw new UsageError(`-f: unpack[${layout}]: nothing can follow ${symbol}`)
    }
    const size = SIZES[symbol.toLowerCase()]
    if (symbol === '<') big = false
    else if (symbol === '>') big = true
    else if (symbol === 's') steps.push((bytes) => ({ print: bytes, taken: bytes.length }))
    else if (symbol === '$') steps.push(end)
    else if (symbol === 'c' || symbol === '.') steps.push(character)
    else if (size !== undefined) steps.push(integer(symbol, size, big))
    else if (symbol !== 'x') throw new UsageError(`-f: unpack[${layout}]: ${symbol} is none of <>bBhHiIqQc.s$x`)
  }
  return (bytes) => {
    let left = bytes
    return Buffer.concat(
      steps.map((step) => {
        const { print, taken } = step(left)
        left = left.subarray(taken)
        return typeof print === 'string' ? Buffer.from(print) : print
      }),
    )
  }
}

function end(bytes: Buffer): ReturnType<Step> {
  return { print: bytes.length === 0 ? '' : `(${bytes.length} bytes are left)`, taken: bytes.length }
}

function character(bytes: Buffer): ReturnType<Step> {
  return bytes.length === 0 ? missing(bytes, 1) : { print: bytes.subarray(0, 1), taken: 1 }
}

function integer(symbol: string, size: number, big: boolean): Step {
  const isSigned = symbol === symbol.toLowerCase()
  return (bytes) => {
    if (bytes.length < size) return missing(bytes, size)
    const inOrder = Buffer.from(bytes.subarray(0, size))
    const value = BigInt(`0x${(big ? inOrder : inOrder.reverse()).toString('hex')}`)
    return { print: String(isSigned ? BigInt.asIntN(size * 8, value) : value), taken: size }
  }
}

function missing(bytes: Buffer, size: number): ReturnType<Step> {
  return { print: `(${bytes.length} of ${size} bytes)`, taken: bytes.length }
}
