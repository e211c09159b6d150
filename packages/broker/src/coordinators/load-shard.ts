import type { ShardLoader } from '@ottla/coordinator'
import { readBatches } from '@ottla/protocol/records'
import type { LogSlice } from '@ottla/storage'
import type { Partition } from '../replica-manager/partition.ts'
import type { Slices, TurnBudget } from '../server/turn-budget.ts'

/** Read at once while a shard is loaded. */
const LOAD_BYTES = 1024 * 1024

/**
 * Replays a partition of an internal topic from its beginning into a shard. `false`: `isOver` became true before the end.
 * Rejects with what the log or a record is broken by.
 */
export async function loadShard(
  partition: Partition,
  loader: ShardLoader,
  turns: TurnBudget,
  isOver: () => boolean,
): Promise<boolean> {
  if (partition.log.offline !== null) throw partition.log.offline
  const end = partition.highWatermark
  let offset = partition.log.logStartOffset
  let slices: Slices | null = null
  while (offset < end) {
    if (isOver()) return false
    slices ??= turns.slices(loader)
    if (slices.over) await slices.next()
    const options = { maxBytes: LOAD_BYTES, maxOffset: end, minOneMessage: true }
    const answer = partition.log.read(offset, options)
    if (answer === 'offline') throw partition.log.offline ?? new Error(`${partition.log.name} is offline`)
    // Its beginning was deleted while we read.
    if (answer === 'out-of-range') {
      offset = Math.max(offset + 1, partition.log.logStartOffset)
      continue
    }
    const replay = (slice: LogSlice): number => replaySlice(slice, offset, loader)
    const next = answer === 'disk' ? await fromDisk(partition, offset, options, replay) : replay(answer)
    // Nothing is left below the end but what compaction has taken away.
    if (next === offset) break
    offset = next
  }
  if (isOver()) return false
  loader.finish(partition.log.writtenEndOffset)
  return true
}

/** What is read is good until `replay` returns. */
function fromDisk(
  { log }: Partition,
  offset: number,
  options: Parameters<Partition['log']['readFromDisk']>[1],
  replay: (slice: LogSlice) => number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    log.readFromDisk(offset, options, (error, slice) => {
      try {
        if (error === null) resolve(replay(slice as LogSlice))
        else reject(error)
      } catch (failure) {
        reject(failure)
      }
    })
  })
}

/** The offset behind what the slice holds. */
function replaySlice({ chunks }: LogSlice, from: number, loader: ShardLoader): number {
  let next = from
  // One buffer per batch or several: a batch never lies in two.
  for (const chunk of chunks as Buffer[]) {
    for (const batch of readBatches(chunk, { checkCrc: false })) {
      // A read may begin within a batch.
      if (batch.lastOffset < from) continue
      loader.replayBatch(batch)
      next = batch.lastOffset + 1
    }
  }
  return next
}
