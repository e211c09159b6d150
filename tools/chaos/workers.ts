import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { pythonProgram } from '../peers/python.ts'
import { endProcess, track } from '../peers/running-broker.ts'
import type { WorkerEvent } from './events.ts'
import { configOf, type Part, type Role } from './plan.ts'

const fileOf = (role: Role): string => (role === 'numbers' || role === 'requests' ? 'producer' : role)
/** Of what a worker says to nobody, so much is kept for when it ends by itself. */
const STDERR_CHARS = 2000

interface Running {
  readonly child: ChildProcess
  readonly by: string
  /** The end of what it has said to nobody. */
  stderr: string
  /** All of its lines have been read. */
  readonly told: Promise<void>
  stopped: boolean
  /** Somebody has asked for its end. */
  ended: boolean
}

export interface Told {
  /** Part and incarnation. */
  readonly by: string
  readonly event: WorkerEvent
}

/** The processes that play the parts. Each part is played by one process at a time. */
export class Workers {
  readonly #seed: number
  readonly #bootstrap: string
  readonly #onEvent: (told: Told) => void
  readonly #onDeath: (what: string) => void
  readonly #running = new Map<string, Running>()
  readonly #incarnations = new Map<string, number>()
  readonly #tellings: Promise<void>[] = []

  constructor(seed: number, bootstrap: string, onEvent: (told: Told) => void, onDeath: (what: string) => void) {
    this.#seed = seed
    this.#bootstrap = bootstrap
    this.#onEvent = onEvent
    this.#onDeath = onDeath
  }

  /** Resolves when the worker has begun. */
  start(part: Part): Promise<void> {
    const { name, language, role } = part
    const incarnation = (this.#incarnations.get(name) ?? 0) + 1
    this.#incarnations.set(name, incarnation)
    const program = language === 'ts' ? process.execPath : pythonProgram()
    const file = fileURLToPath(new URL(`workers/${fileOf(role)}.${language}`, import.meta.url))
    const config = JSON.stringify(configOf(part, incarnation, this.#seed, this.#bootstrap))
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
    const child = track(spawn(program, [file, config], { stdio: ['ignore', 'pipe', 'pipe'], env }))
    const by = `${name}.${incarnation}`
    const ready = Promise.withResolvers<void>()
    const told = Promise.withResolvers<void>()
    const running: Running = { child, by, stderr: '', told: told.promise, stopped: false, ended: false }
    this.#running.set(name, running)
    this.#tellings.push(told.promise)

    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      running.stderr = (running.stderr + text).slice(-STDERR_CHARS)
    })
    let rest = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      // Of who is killed the last line may be half there.
      rest = lines.pop() as string
      for (const line of lines) {
        const event = JSON.parse(line) as WorkerEvent
        if (event.e === 'ready') ready.resolve()
        else this.#onEvent({ by, event })
      }
    })
    child.on('close', (code, signal) => {
      if (this.#running.get(name) === running) this.#running.delete(name)
      if (!running.ended || (code !== 0 && signal !== 'SIGKILL')) {
        this.#onDeath(`${by} ended by itself (${signal ?? `exit code ${code}`}): ${running.stderr.trim()}`)
      }
      ready.resolve()
      told.resolve()
    })
    return ready.promise
  }

  isRunning(name: string): boolean {
    return this.#running.get(name)?.ended === false
  }

  /** By SIGKILL. Resolves when everything it has told is known. */
  async kill(name: string): Promise<void> {
    const running = this.#running.get(name)
    if (running === undefined) return
    running.ended = true
    await endProcess(running.child, 'SIGKILL')
    await running.told
  }

  /** By SIGTERM: it finishes what it does, and leaves. Who does not within `graceMs` is killed, and `onDeath` told. */
  async end(name: string, graceMs: number): Promise<void> {
    const running = this.#running.get(name)
    if (running === undefined) return
    running.ended = true
    await endProcess(running.child, 'SIGTERM', graceMs)
    await running.told
    if (running.child.signalCode !== 'SIGKILL') return
    this.#onDeath(`${running.by} did not end within ${graceMs} ms: ${running.stderr.trim()}`)
  }

  pause(name: string): boolean {
    const running = this.#running.get(name)
    if (running === undefined || running.ended || running.stopped) return false
    running.stopped = true
    return running.child.kill('SIGSTOP')
  }

  resume(name: string): void {
    const running = this.#running.get(name)
    if (running === undefined || !running.stopped) return
    running.stopped = false
    running.child.kill('SIGCONT')
  }

  /** Whatever comes, nothing is left behind. */
  async killAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.kill(name)))
    await Promise.all(this.#tellings)
  }
}
