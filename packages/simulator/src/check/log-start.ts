import type { World } from '../world.ts'
import type { StopKind } from './broker-watch.ts'
import type { PartitionLedger } from './ledger.ts'

/** Allows for what the clock moves between the decision and the look at it. */
const SLACK_MS = 50
/** Bytes of a record beside its value, with its share of the batch's header. */
const RECORD_OVERHEAD_MAX = 90

/** The log start of a running log has changed. */
export function checkLogStart(world: World, ledger: PartitionLedger, logStart: number, appendEnd: number): void {
  const { checks } = world
  const before = ledger.logStartOffset
  checks.met('L9')
  if (logStart < before) checks.fail('L9', `${ledger.name} starts at ${before}`, `it starts at ${logStart} now`)
  if (logStart > ledger.highWatermark)
    checks.fail(
      'L9',
      `the high watermark of ${ledger.name} is ${ledger.highWatermark}`,
      `its log starts at ${logStart}`,
    )
  if (logStart > ledger.deleteAskedTo) checkRetention(world, ledger, logStart, appendEnd)
  ledger.logStartOffset = logStart
}

/** Nobody has asked to delete this: was it retention's to take? */
function checkRetention(world: World, ledger: PartitionLedger, logStart: number, appendEnd: number): void {
  const { retentionBytes, retentionMs } = ledger.topic.plan
  // What is not visible yet counts too, and is not known here: at most so much per record.
  let kept = (appendEnd - ledger.endOffset) * (world.options.valueBytesMax + RECORD_OVERHEAD_MAX)
  for (let i = ledger.indexOf(logStart); i < ledger.facts.length; i++) kept += ledger.facts[i].sizeBytes
  if (kept >= retentionBytes) return
  const wallMs = world.wallMs()
  let youngest = -1
  for (let i = ledger.indexOf(ledger.logStartOffset); i < ledger.facts.length; i++) {
    const fact = ledger.facts[i]
    if (fact.baseOffset >= logStart) break
    if (fact.maxTimestamp > youngest) youngest = fact.maxTimestamp
  }
  if (wallMs - youngest + SLACK_MS >= retentionMs) return
  world.checks.fail(
    'L9',
    `retention of ${ledger.name} keeps ${retentionBytes} bytes and ${retentionMs} ms`,
    `its start moved from ${ledger.logStartOffset} to ${logStart}: ${kept} bytes are left, the youngest taken is ${wallMs - youngest} ms old`,
  )
}

/** The log start after a restart. */
export function recheckLogStart(
  world: World,
  ledger: PartitionLedger,
  logStart: number,
  stop: StopKind,
  startMayFall: boolean,
): void {
  const { checks } = world
  checks.met('L9')
  if (logStart < ledger.deletedTo)
    checks.fail(
      'L9',
      `records of ${ledger.name} below ${ledger.deletedTo} were deleted, which was acked`,
      `after a restart it starts at ${logStart}`,
    )
  // A power cut may bring back segments whose removal was not on the disk yet; a disk that is full or fails keeps a start
  // that nobody was promised from being written down.
  const mayFall = stop === 'power' || startMayFall
  if (!mayFall && logStart < ledger.logStartOffset)
    checks.fail(
      'L9',
      `${ledger.name} started at ${ledger.logStartOffset}`,
      `after a stop of the kind ${stop} it starts at ${logStart}`,
    )
  if (logStart > ledger.logStartOffset && logStart > ledger.deleteAskedTo)
    checkRetention(world, ledger, logStart, ledger.endOffset)
  ledger.logStartOffset = logStart
}
