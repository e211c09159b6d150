import { batch } from '@ottla/protocol/records'
import type { SimDisk } from '@ottla/runtime/sim'
import type { PartitionLog } from '@ottla/storage'
import type { World } from '../world.ts'
import type { StopKind } from './broker-watch.ts'
import type { InvariantId } from './invariants.ts'
import type { PartitionLedger } from './ledger.ts'
import { LogFiles, segmentsIn } from './log-files.ts'
import { describeSend, isCopy } from './send.ts'

/**
 * A log was opened again. Everything that was visible before must be there unchanged; what a power cut may take is a
 * suffix of what was not forced to the disk. Leaves the ledger equal to the log, and the reader at its end.
 */
export function compareWithFiles(
  world: World,
  disk: SimDisk,
  ledger: PartitionLedger,
  log: PartitionLog,
  stop: StopKind,
): LogFiles {
  const { checks } = world
  const endOffset = log.writtenEndOffset
  const bases = segmentsIn(disk, log.directory)
  const firstBase = bases.length === 0 ? endOffset : Math.min(bases[0], endOffset)
  if (stop !== 'none') checks.met(lossInvariant(stop))
  const lossAt = firstDifference(world, disk, ledger, log, firstBase, endOffset)
  if (lossAt < ledger.endOffset)
    judgeLoss(world, ledger, lossAt, stop, `log ${log.logStartOffset}..${endOffset}, segments ${bases.join(' ')}`)
  // A second time, for what was not known: written before the stop, but not visible yet.
  const files = new LogFiles(disk, log.directory, firstBase)
  const result = files.readTo(endOffset, (bytes, size) => {
    if (batch.baseOffset(bytes, 0) >= ledger.endOffset) ledger.add(bytes, 0, size, world.nowMs)
  })
  if (result !== 'done')
    checks.fail(
      lossInvariant(stop),
      `${ledger.name} holds batches up to ${endOffset}`,
      `its files hold them up to ${ledger.endOffset} (${result}), segments ${bases.join(' ')}`,
    )
  // More was deleted than has survived: the log goes on where it was.
  if (ledger.endOffset < endOffset && endOffset === log.logStartOffset) ledger.endOffset = endOffset
  checks.met('L6')
  if (ledger.endOffset !== endOffset)
    checks.fail('L6', `${ledger.name} ends at ${endOffset} after its recovery`, `its files end at ${ledger.endOffset}`)
  if (stop !== 'none') {
    checks.met('S3')
    if (!world.syncFailed) ledger.durableEnd = ledger.endOffset
  }
  return files
}

/** The first offset at which the files are not what the ledger says; `Infinity` when they are, up to its end. */
function firstDifference(
  world: World,
  disk: SimDisk,
  ledger: PartitionLedger,
  log: PartitionLog,
  firstBase: number,
  endOffset: number,
): number {
  let lossAt = Number.POSITIVE_INFINITY
  let next = firstBase
  const files = new LogFiles(disk, log.directory, firstBase)
  files.readTo(endOffset, (bytes, size) => {
    const baseOffset = batch.baseOffset(bytes, 0)
    next = batch.lastOffset(bytes, 0) + 1
    if (lossAt !== Number.POSITIVE_INFINITY || baseOffset >= ledger.endOffset) return
    world.checks.met('L8')
    const fact = ledger.factAt(baseOffset)
    const same =
      fact !== undefined &&
      fact.baseOffset === baseOffset &&
      isCopy(bytes, 0, size, fact.send) &&
      fact.leaderEpoch === batch.partitionLeaderEpoch(bytes, 0)
    if (!same) lossAt = baseOffset
  })
  if (lossAt === Number.POSITIVE_INFINITY && next < ledger.endOffset) lossAt = next
  // Facts before the first segment are deleted, and whether rightly is another check's to say.
  return lossAt
}

function judgeLoss(world: World, ledger: PartitionLedger, lossAt: number, stop: StopKind, found: string): void {
  const { checks } = world
  const fact = ledger.facts[ledger.indexOf(lossAt)]
  const invariant = lossInvariant(stop)
  const mustHold = stop === 'power' && !ledger.strict ? ledger.durableEnd : ledger.endOffset
  if (lossAt >= mustHold) {
    world.say(`${ledger.name} lost ${lossAt}..${ledger.endOffset - 1}, which nothing promised to keep`)
    world.fault('lost suffix')
    ledger.lose(lossAt)
    return
  }
  const acked = ledger.facts.slice(ledger.indexOf(lossAt)).filter(({ send }) => send.ackedOffset >= 0).length
  checks.fail(
    stop === 'power' && lossAt < ledger.durableEnd && !ledger.strict ? 'S3' : invariant,
    `${ledger.name} keeps ${ledger.logStartOffset}..${mustHold - 1} over a stop of the kind ${stop}`,
    `from ${lossAt} on it is gone or different: ${fact === undefined ? 'nothing' : describeSend(fact.send)}, ${acked} acked batches; ${found}`,
  )
}

function lossInvariant(stop: StopKind): InvariantId {
  if (stop === 'power') return 'S2'
  return stop === 'clean' || stop === 'clean-power' ? 'S8' : 'S1'
}
