import { batch, crc32c } from '@ottla/protocol/records'
import type { PartitionLedger } from '../check/ledger.ts'
import { isCopy } from '../check/send.ts'
import type { World } from '../world.ts'

/** Compares delivered batches with what the partition's files were seen to hold. Returns the next offset to read. */
export function checkDelivered(
  world: World,
  client: number,
  ledger: PartitionLedger,
  fetchOffset: number,
  records: Buffer,
  highWatermark: number,
  lossCount: number,
): number {
  const { checks } = world
  const { name } = ledger
  let next = fetchOffset
  let at = 0
  while (at + batch.HEADER_BYTES <= records.length) {
    const size = batch.sizeInBytes(records, at)
    // Only the last one may be cut short, where the bytes ran out.
    if (size > records.length - at) break
    const baseOffset = batch.baseOffset(records, at)
    const where = `c${client} reads ${name}@${baseOffset}`
    checks.met('L7')
    if (size < batch.HEADER_BYTES) checks.fail('L7', where, `a batch of ${size} bytes`)
    checks.met('S5')
    if (crc32c(records, at + batch.CRC_START, at + size) !== batch.crc(records, at))
      checks.fail(ledger.damaged ? 'S5' : 'L7', where, 'the batch fails its CRC')
    const lastOffset = batch.lastOffset(records, at)
    if (at === 0 ? baseOffset > fetchOffset || lastOffset < fetchOffset : baseOffset !== next)
      checks.fail('K1', `c${client} reads ${name} from ${next} on`, `it gets offsets ${baseOffset} to ${lastOffset}`)
    checks.met('K1')
    if (baseOffset >= highWatermark)
      checks.fail(
        'L6',
        `the high watermark of ${name} is ${highWatermark}`,
        `c${client} gets the batch at ${baseOffset}`,
      )
    const fact = ledger.factAt(baseOffset)
    const same =
      fact !== undefined &&
      fact.baseOffset === baseOffset &&
      isCopy(records, at, size, fact.send) &&
      fact.leaderEpoch === batch.partitionLeaderEpoch(records, at)
    if (!same && !explains(world, ledger, records, at, size, baseOffset, lossCount)) {
      const expected =
        fact === undefined ? 'nothing' : `#${fact.send.id} at ${fact.baseOffset}, epoch ${fact.leaderEpoch}`
      const found = world.sends.identify(records, at, size)
      const got = found === null ? 'what nobody sent' : `#${found.id}, epoch ${batch.partitionLeaderEpoch(records, at)}`
      checks.fail(found === null ? 'L2' : 'L3', `${where}: its file has ${expected}`, `it gets ${got}`)
    }
    checks.met('L3')
    world.tally.delivered++
    next = lastOffset + 1
    at += size
  }
  if (at === 0)
    checks.fail(
      'L7',
      `c${client} reads ${name} from ${fetchOffset} on`,
      `${records.length} bytes without a whole batch`,
    )
  world.scheduler.note('sim/read', client, next)
  return next
}

/** The answer left before a power cut took what is in it. */
function explains(
  world: World,
  ledger: PartitionLedger,
  records: Buffer,
  at: number,
  size: number,
  baseOffset: number,
  lossCount: number,
): boolean {
  if (ledger.topic.state !== 'live' && ledger.factAt(baseOffset) === undefined) return true
  if (ledger.damaged && world.sends.identify(records, at, size) !== null) return true
  if (lossCount === ledger.lossCount) return false
  return ledger.wasLost(baseOffset, world.sends.identify(records, at, size))
}
