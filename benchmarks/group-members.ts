import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { projectDir } from '../tools/peers/folders.ts'
import { pythonProgram } from '../tools/peers/python.ts'
import { endProcess, track } from '../tools/peers/running-broker.ts'

/** A line that the program of members prints. */
interface Told {
  ms: number
  group: string
  member: string
  event: 'joining' | 'assigned' | 'revoked'
  partitions: number[]
}

export interface GroupSettings {
  bootstrap: string
  topic: string
  partitions: number
  sessionTimeoutMs: number
  heartbeatIntervalMs: number
}

/** Milliseconds of the clock that the members' lines carry. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

const program = join(projectDir, 'benchmarks', 'clients', 'members.py')

/** Members of groups in processes of their own, as what they print tells about them. */
export class GroupMembers {
  readonly #settings: GroupSettings
  readonly #children: ChildProcess[] = []
  /** The last event of each member of each group. */
  readonly #groups = new Map<string, Map<string, Told>>()
  readonly #joiningMs = new Map<string, number>()
  #woken: () => void = () => {}

  constructor(settings: GroupSettings) {
    this.#settings = settings
  }

  /** Starts one process that holds these members, given as `[group, member]`. */
  start(members: readonly (readonly [string, string])[]): ChildProcess {
    const { bootstrap, topic, sessionTimeoutMs, heartbeatIntervalMs } = this.#settings
    const args = [program, bootstrap, topic, String(sessionTimeoutMs), String(heartbeatIntervalMs), ...members.flat()]
    const child = track(spawn(pythonProgram(), args, { stdio: ['pipe', 'pipe', 'inherit'] }))
    this.#children.push(child)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const told = JSON.parse(line) as Told
      if (told.event === 'joining') this.#joiningMs.set(`${told.group} ${told.member}`, told.ms)
      let group = this.#groups.get(told.group)
      if (group === undefined) this.#groups.set(told.group, (group = new Map()))
      group.set(told.member, told)
      this.#woken()
    })
    return child
  }

  /** Kills the process that holds `members`, which leave nothing behind but their sessions. Returns when it was sent. */
  kill(child: ChildProcess, members: readonly (readonly [string, string])[]): number {
    const ms = monotonicMs()
    child.kill('SIGKILL')
    for (const [group, member] of members) this.#groups.get(group)?.delete(member)
    return ms
  }

  /** When a member began to join. */
  joiningMs(group: string, member: string): number {
    return this.#joiningMs.get(`${group} ${member}`)!
  }

  /**
   * When every member had its share: `count` of them with equally many partitions, none twice and none left out.
   * Undefined while that is not so.
   */
  #stableMs(group: string, count: number): number | undefined {
    const members = [...(this.#groups.get(group)?.values() ?? [])]
    const share = this.#settings.partitions / count
    if (members.length !== count || members.some((one) => one.partitions.length !== share)) return undefined
    const partitions = new Set(members.flatMap((one) => one.partitions))
    if (partitions.size !== this.#settings.partitions) return undefined
    return Math.max(...members.map((one) => one.ms))
  }

  /** Waits until a group of `count` is stable; since when it was. */
  async stable(group: string, count: number, timeoutMs = 30_000): Promise<number> {
    const until = performance.now() + timeoutMs
    for (;;) {
      const since = this.#stableMs(group, count)
      if (since !== undefined) return since
      const left = until - performance.now()
      if (left <= 0) {
        const state = JSON.stringify([...(this.#groups.get(group)?.values() ?? [])])
        throw new Error(`${group} has no ${count} members with their shares within ${timeoutMs} ms: ${state}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#woken = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await endProcess(child, 'SIGKILL')
  }
}
