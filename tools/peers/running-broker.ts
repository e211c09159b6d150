import type { ChildProcess } from 'node:child_process'
import { connect, createServer } from 'node:net'

/** A broker process that answers. */
export interface RunningBroker {
  name: string
  bootstrap: string
  port: number
  pid: number
  /** Where its partitions' folders are. */
  dataDir: string
  /** Milliseconds from spawning the process to its first answer to ApiVersions. */
  answeredMs: number
  /** Milliseconds from spawning the process to the first Metadata answer that names a broker. */
  metadataMs: number
  /** SIGTERM and wait for the end. */
  stop(): Promise<void>
  /** SIGKILL and wait for the end. */
  kill(): Promise<void>
}

/** A TCP port on 127.0.0.1 that nobody listened on a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

const tracked = new Set<ChildProcess>()
let endsWithUs = false

/** Sees to it that the child does not outlive this process. */
export function track<Child extends ChildProcess>(child: Child): Child {
  if (!endsWithUs) {
    endsWithUs = true
    process.once('exit', () => {
      for (const one of tracked) one.kill('SIGKILL')
    })
  }
  tracked.add(child)
  child.once('exit', () => tracked.delete(child))
  return child
}

/** For programs that have nothing to close themselves: a signal ends them, and what they track. */
export function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
}

/** Ends a child by a signal; after `graceMs` it is killed. */
export function endProcess(child: ChildProcess, signal: NodeJS.Signals, graceMs = 30_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill(signal)
  })
}

/** ApiVersions v0 and Metadata v1 for no topic, framed, with a null client id. */
const apiVersionsRequest = Buffer.from('0000000a0012000000000001ffff', 'hex')
const metadataRequest = Buffer.from('0000000e0003000100000002ffff00000000', 'hex')

/** One request on a connection of its own; undefined when there was no whole answer. */
function ask(port: number, request: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let answer: Buffer = Buffer.alloc(0)
    const socket = connect(port, '127.0.0.1')
    socket.setTimeout(5000, () => socket.destroy())
    socket.once('connect', () => socket.write(request))
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) return
      resolve(answer.subarray(4))
      socket.destroy()
    })
    socket.once('error', () => resolve(undefined))
    socket.once('close', () => resolve(undefined))
  })
}

/** Asks again and again (every 2 ms) until `good` likes the answer; rejects after `deadlineMs` or when `ended`. */
async function askUntil(
  port: number,
  request: Buffer,
  good: (answer: Buffer) => boolean,
  deadlineMs: number,
  ended: () => boolean,
): Promise<void> {
  const until = performance.now() + deadlineMs
  while (performance.now() < until) {
    if (ended()) throw new Error(`the broker ended before it answered on port ${port}`)
    const answer = await ask(port, request)
    if (answer !== undefined && good(answer)) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error(`no answer on port ${port} within ${deadlineMs} ms`)
}

/** Waits for the first answers of a broker that was spawned at `spawnedMs` (of `performance.now()`). */
export async function awaitAnswers(
  port: number,
  spawnedMs: number,
  ended: () => boolean,
): Promise<{ answeredMs: number; metadataMs: number }> {
  await askUntil(port, apiVersionsRequest, () => true, 60_000, ended)
  const answeredMs = performance.now() - spawnedMs
  await askUntil(port, metadataRequest, (answer) => answer.length >= 8 && answer.readInt32BE(4) > 0, 60_000, ended)
  return { answeredMs, metadataMs: performance.now() - spawnedMs }
}
