/**
 * Reads the ledger as far as it is stable, again and again, now and then from its begin; and asks for the groups' committed
 * offsets. Ends with one reading of everything.
 */
import { Kafka } from '@ottla/client'
import { monotonicMs, type Place, type Seen } from '../events.ts'
import { config, ending, pause, tell, tellTrouble } from './worker.ts'

const { topic, groups, partitions, bootstrap } = config
const VIEW_INTERVAL_MS = 150
const WHOLE_INTERVAL_MS = 2000
const OFFSETS_INTERVAL_MS = 200
/** Reading from the begin takes longer and longer: of the time at most one in so many parts. */
const WHOLE_SHARE = 10

await using kafka = new Kafka({ bootstrap, clientId: config.name, apiTimeoutMs: 10_000 })
const all = Array.from({ length: partitions }, (_, partition) => partition)

/** Reads from there up to what is stable now, and tells it. */
async function view(from: readonly number[]): Promise<readonly number[]> {
  const t0 = monotonicMs()
  const listed = await kafka.admin.listOffsets(
    all.map((partition) => ({ topic, partition, spec: 'latest' as const })),
    { readCommitted: true },
  )
  const ends = listed.map(({ found, error }) => {
    if (error !== null || found === null) throw error
    return found.offset
  })
  const assign = all
    .filter((partition) => ends[partition] > from[partition])
    .map((partition) => ({ topic, partition, from: from[partition], until: ends[partition] }))
  const records: Seen[] = []
  if (assign.length > 0) {
    const consumer = kafka.consumer({ assign, isolation: 'read_committed', fetchMaxWaitMs: 100 })
    for await (const { partition, offset, value } of consumer) {
      records.push([partition, offset, Buffer.from(value!).toString()])
    }
  }
  tell({ e: 'view', t0, t: monotonicMs(), from, ends, records })
  return ends
}

async function views(): Promise<void> {
  let ends: readonly number[] = all.map(() => 0)
  let wholeFromMs = monotonicMs()
  while (!ending.signal.aborted) {
    const beganMs = monotonicMs()
    const isWhole = beganMs >= wholeFromMs
    try {
      ends = await view(isWhole ? all.map(() => 0) : ends)
      if (isWhole) wholeFromMs = monotonicMs() + Math.max(WHOLE_INTERVAL_MS, WHOLE_SHARE * (monotonicMs() - beganMs))
    } catch (error) {
      tellTrouble('view', error)
    }
    await pause(VIEW_INTERVAL_MS)
  }
  await view(all.map(() => 0))
}

async function offsets(): Promise<void> {
  while (!ending.signal.aborted) {
    const t0 = monotonicMs()
    try {
      for (const { name: group, offsets } of await kafka.admin.listGroupOffsets(groups, { requireStable: true })) {
        const places = offsets.flatMap(({ partition, offset, error }): Place[] => {
          return error === null && offset !== null && offset >= 0 ? [[partition, offset]] : []
        })
        tell({ e: 'offsets', t0, t: monotonicMs(), group, offsets: places })
      }
    } catch (error) {
      tellTrouble('offsets', error)
    }
    await pause(OFFSETS_INTERVAL_MS)
  }
}

tell({ e: 'ready' })
await Promise.all([views(), offsets()])
