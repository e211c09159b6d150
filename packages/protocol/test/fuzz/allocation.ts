import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Input } from './fuzz.ts'

export interface Measured {
  readonly input: Input
  /** Bytes alive after decoding. */
  readonly alive: number
  /** Bytes allocated while decoding, garbage included. */
  readonly allocated: number
  /** What docs/limits.md promises: 8 × the frame + 1 MiB. */
  readonly allowed: number
}

/** Decodes each input in a process of its own and measures what that costs. */
export async function measureAllocation(inputs: readonly Input[]): Promise<Measured[]> {
  const program = fileURLToPath(new URL('allocation-child.ts', import.meta.url))
  const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64', '--single-threaded-gc']
  const child = spawn(process.execPath, [...flags, program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  for (const { message, version, bytes } of inputs) {
    if (!child.stdin.write(`${message.name} ${version} ${bytes.toString('hex')}\n`)) await once(child.stdin, 'drain')
  }
  child.stdin.end()
  const measured: Measured[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const input = inputs[measured.length]
    const [alive, allocated] = line.split(' ').map(Number)
    measured.push({ input, alive, allocated, allowed: 8 * input.bytes.length + 1024 * 1024 })
  }
  const [code] = await ended
  if (code !== 0 || measured.length !== inputs.length) throw new Error(`the measuring process ended with ${code}`)
  return measured
}
