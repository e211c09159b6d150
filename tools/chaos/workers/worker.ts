import { type AssignorName, type GroupConsumerOptions, KafkaError } from '@ottla/client'
import { SeededRandom } from '@ottla/runtime/sim'
import { monotonicMs, type WorkerEvent } from '../events.ts'
import type { WorkerConfig } from '../plan.ts'

export const config: WorkerConfig = JSON.parse(process.argv[2])

/** How a member of a group is quick to notice. */
export function membershipOf(
  assignor: AssignorName,
): Pick<
  GroupConsumerOptions,
  'group' | 'groupProtocol' | 'sessionTimeoutMs' | 'heartbeatIntervalMs' | 'maxPollIntervalMs' | 'assignors'
> {
  const { group, groupProtocol, sessionTimeoutMs } = config
  const common = { group, groupProtocol, maxPollIntervalMs: 20_000 }
  // With the consumer protocol the broker says how long sessions last, and who has what.
  if (groupProtocol === 'consumer') return common
  return { ...common, sessionTimeoutMs, heartbeatIntervalMs: 500, assignors: [assignor] }
}

/** A stream of this part and incarnation. */
export const random: SeededRandom = new SeededRandom(config.seed).split(`${config.name}.${config.incarnation}`)

/** Names what comes of this process, and of the `n`th attempt in it. */
export const sessionName = (n: number): string => `${config.name}.${config.incarnation}.${n}`

/** A pipe is written before this returns: being killed afterwards loses nothing of it. */
export function tell(event: WorkerEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

/** For what may fail while a broker is killed; a bug is thrown on. */
export function tellTrouble(what: string, error: unknown): void {
  if (!(error instanceof KafkaError)) throw error
  tell({ e: 'trouble', t: monotonicMs(), what, code: error.code })
}

/** Aborted when the runner asks this worker to end by itself. */
export const ending: AbortController = new AbortController()
process.once('SIGTERM', () => ending.abort())
// Whose runner is gone has nobody to tell.
process.stdout.on('error', () => process.exit(1))

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
