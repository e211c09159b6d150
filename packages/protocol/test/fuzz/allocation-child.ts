import { createInterface } from 'node:readline'
import { getHeapStatistics } from 'node:v8'
import { allMessages } from '../messages/all.ts'

/**
 * Reads `name version hex` lines and answers each with two numbers of bytes: what decoding left alive, on the heap and
 * beside it, and all that it allocated, garbage included, since the young generation is too large to be collected
 * meanwhile. To be run with `--expose-gc` and a large young generation.
 */
const collect = () => globalThis.gc!({ type: 'minor' })
const byName = new Map(allMessages.map((message) => [message.name, message]))

let kept: unknown

function decode(name: string, version: number, bytes: Buffer): void {
  try {
    kept = byName.get(name)!.decode(bytes, version)
  } catch (error) {
    kept = error
  }
}

function taken(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, version, hex] = line.split(' ')
  const bytes = Buffer.from(hex, 'hex')
  // Once before, so that what is measured is not the compiling, and then twice, since the engine's own work only adds.
  decode(name, Number(version), bytes)
  let alive = Number.POSITIVE_INFINITY
  let allocated = Number.POSITIVE_INFINITY
  for (let round = 0; round < 2; round++) {
    kept = undefined
    collect()
    const before = taken()
    decode(name, Number(version), bytes)
    allocated = Math.min(allocated, taken() - before)
    collect()
    alive = Math.min(alive, taken() - before)
  }
  process.stdout.write(`${alive} ${allocated}\n`)
}
if (kept === process) throw new Error('unreachable')
