import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { endProcess } from '../tools/peers/running-broker.ts'
import { type Answers, type Op, type Request, Unsupported } from './contract.ts'

type Line = { id?: number; ok?: boolean; error?: string; unsupported?: string; event?: string }

/**
 * A client's program, started at the first request and again after one that took too long. One that `remembers` is not
 * started again: what it was a member of is gone with it.
 */
export class Program {
  readonly #command: [string, string[]]
  readonly #timeoutMs: number
  readonly #remembers: boolean
  #child: ChildProcess | undefined
  #lines: AsyncIterator<string> | undefined
  #stderr = ''
  #id = 0

  constructor(command: [string, string[]], timeoutMs = 100_000, remembers = false) {
    this.#command = command
    this.#timeoutMs = timeoutMs
    this.#remembers = remembers
  }

  /** It ran, and does no more. */
  get ended(): boolean {
    return this.#child !== undefined && (this.#child.exitCode !== null || this.#child.signalCode !== null)
  }

  #start(): { child: ChildProcess; lines: AsyncIterator<string> } {
    if (this.#child !== undefined && !this.ended) return { child: this.#child, lines: this.#lines! }
    if (this.ended && this.#remembers) throw new Error(`the program ended: ${thrown(this.#stderr)}`)
    const [program, args] = this.#command
    // A group of its own, so that what the program starts can be killed with it.
    const child = spawn(program, args, { stdio: 'pipe', detached: true })
    running.add(child)
    child.once('exit', () => running.delete(child))
    this.#stderr = ''
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-2000)
    })
    child.on('error', (error) => {
      this.#stderr += error.message
    })
    child.stdin.on('error', () => {})
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return { child, lines: this.#lines }
  }

  /** Asks for one operation. `sent` is awaited between the two turns of a produce request. */
  async ask<Name extends Op>(
    bootstrap: string,
    request: Extract<Request, { op: Name }>,
    sent: () => Promise<void> = async () => {},
  ): Promise<Answers[Name]> {
    const { child, lines } = this.#start()
    const id = ++this.#id
    const timer = setTimeout(() => killGroup(child), this.#timeoutMs)
    child.stdin!.write(`${JSON.stringify({ id, bootstrap, ...request })}\n`)
    try {
      for (;;) {
        const next = await lines.next()
        if (next.done) throw new Error(`the program ended or took over ${this.#timeoutMs} ms: ${thrown(this.#stderr)}`)
        let answer: Line
        try {
          answer = JSON.parse(next.value) as Line
        } catch {
          throw new Error(`the program printed: ${next.value.slice(0, 200)}`)
        }
        if (answer.event === 'sent') {
          await sent()
          child.stdin!.write('{"op":"continue"}\n')
          continue
        }
        if (answer.id !== id) throw new Error(`an answer to request ${answer.id} instead of ${id}`)
        if (answer.unsupported !== undefined) throw new Unsupported(answer.unsupported)
        if (!answer.ok) throw new Error(answer.error ?? 'no reason given')
        return answer as unknown as Answers[Name]
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** `kill -9` to the program and what it started. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || this.ended) return
    const ended = once(child, 'exit')
    killGroup(child)
    await ended
  }

  async close(): Promise<void> {
    if (this.#child === undefined) return
    this.#child.stdin!.end()
    await endProcess(this.#child, 'SIGTERM', 3000)
  }
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) killGroup(child)
})

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It ended just now.
  }
}

/** The line that names the error, else the last one. */
function thrown(stderr: string): string {
  const lines = stderr.trim().split('\n')
  return lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1)!
}
