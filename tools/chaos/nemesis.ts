import { startOttla } from '../peers/ottla.ts'
import type { RunningBroker } from '../peers/running-broker.ts'
import { type Blow, BROKER_SETTINGS, parts, type Stroke } from './plan.ts'
import type { Workers } from './workers.ts'

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const LEAVE_GRACE_MS = 45_000

/** Strikes as the plan says; broker and workers are whole again when `recover` resolves. */
export class Nemesis {
  readonly #dir: string
  readonly #port: number
  readonly #say: (what: string) => void
  /** Workers that are being brought back. */
  readonly #underWay = new Map<string, Promise<void>>()
  #broker: RunningBroker | null = null
  workers: Workers | null = null
  brokerKills = 0
  brokerPauses = 0
  workerKills = 0
  workerPauses = 0
  bounces = 0

  constructor(dir: string, port: number, say: (what: string) => void) {
    this.#dir = dir
    this.#port = port
    this.#say = say
  }

  async startBroker(): Promise<void> {
    this.#broker = await startOttla({ dir: this.#dir, port: this.#port, set: { ...BROKER_SETTINGS } })
  }

  async stopBroker(): Promise<void> {
    await this.#broker?.stop()
  }

  /** `minuteMs` is since the begin of the minute. */
  async strike(strokes: readonly Stroke[], minuteMs: () => number, isEnough: () => boolean): Promise<void> {
    for (const { atMs, blow } of strokes) {
      while (minuteMs() < atMs && !isEnough()) await pause(Math.min(100, Math.max(1, atMs - minuteMs())))
      if (isEnough()) return
      this.#say(`${(minuteMs() / 1000).toFixed(1)} s ${Object.values(blow).join(' ')}`)
      await this.#strikeOnce(blow)
    }
  }

  async #strikeOnce(blow: Blow): Promise<void> {
    if (blow.type === 'kill-broker') {
      await this.#broker!.kill()
      this.brokerKills += 1
      await pause(blow.downMs)
      await this.startBroker()
    } else if (blow.type === 'pause-broker') {
      const { pid } = this.#broker!
      process.kill(pid, 'SIGSTOP')
      await pause(blow.forMs)
      process.kill(pid, 'SIGCONT')
      this.brokerPauses += 1
    } else if (!this.#underWay.has(blow.name)) {
      // The others go on while it is away.
      const done = this.#strikeWorker(blow).finally(() => this.#underWay.delete(blow.name))
      this.#underWay.set(blow.name, done)
    }
  }

  async #strikeWorker(blow: Exclude<Blow, { type: 'kill-broker' | 'pause-broker' }>): Promise<void> {
    const workers = this.workers!
    const { name } = blow
    const part = parts.find((one) => one.name === name)!
    if (!workers.isRunning(name)) return
    if (blow.type === 'pause-worker') {
      if (!workers.pause(name)) return
      this.workerPauses += 1
      await pause(blow.forMs)
      workers.resume(name)
      return
    }
    if (blow.type === 'kill-worker') {
      this.workerKills += 1
      await workers.kill(name)
    } else {
      this.bounces += 1
      await workers.end(name, LEAVE_GRACE_MS)
    }
    await pause(blow.downMs)
    await workers.start(part)
  }

  /** Resolves when all that were struck are back. */
  async recover(): Promise<void> {
    await Promise.all(this.#underWay.values())
  }
}
