import { readFileSync } from 'node:fs'
import type { ProcessIdentity } from '@ottla/storage'

/** Instances of this very process that hold a directory; a pid alone cannot tell them apart. */
const live = new Set<string>()
let instances = 0

export interface Instance {
  readonly identity: ProcessIdentity
  /** The instance holds nothing any more. */
  release(): void
}

/** One broker of this process, for the lock of its directories. */
export function newInstance(): Instance {
  const startedAt = `${startOf(process.pid) ?? 'unknown'}#${++instances}`
  live.add(startedAt)
  return {
    identity: { pid: process.pid, startedAt, bootId: bootId() },
    release: () => live.delete(startedAt),
  }
}

/**
 * Whether the holder of a lock still runs: same boot, same pid and, where the system tells it, same start time. A
 * process killed without a word is thus told from another one that was given its pid since.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false
  const [started] = identity.startedAt.split('#')
  if (identity.pid === process.pid && started === (startOf(process.pid) ?? 'unknown'))
    return live.has(identity.startedAt)
  const now = startOf(identity.pid)
  if (now !== null) return now === started
  return startOf(process.pid) === null && answersSignals(identity.pid)
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Start time in ticks since boot, from Linux's `/proc`; `null` where there is none or the process is gone. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command name is in parentheses and may hold anything; state and start time are the 1st and 20th field behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A process that was killed and not yet waited for by its parent has let go of everything it held.
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return ''
  }
}
