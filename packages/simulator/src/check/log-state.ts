import type { SeededRandom } from '@ottla/runtime/sim'
import type { World } from '../world.ts'
import type { Watched } from './broker-watch.ts'
import type { Checks } from './invariants.ts'

/** P2: producer state is what the batches say. */
export function checkProducers(world: World, { partition, ledger }: Watched): void {
  const checks: Checks = world.checks
  const { log } = partition
  // Batches that are assigned but not visible yet are in the state already.
  if (log.appendEndOffset !== ledger.endOffset || log.offline !== null) return
  checks.met('P2')
  const known = ledger.knownProducers()
  const found = new Set<number>()
  for (const { producerId, producerEpoch, lastSequence } of log.activeProducers()) {
    found.add(producerId)
    const expected = known.get(producerId)
    if (expected === undefined)
      checks.fail(
        'P2',
        `${ledger.name} holds nothing of producer ${producerId}`,
        `its state has epoch ${producerEpoch}, sequence ${lastSequence}`,
      )
    if (expected.epoch !== producerEpoch || expected.lastSequence !== lastSequence)
      checks.fail(
        'P2',
        `the last batch of producer ${producerId} in ${ledger.name} is epoch ${expected.epoch}, sequence ${expected.lastSequence}, at ${expected.lastOffset}`,
        `its state has epoch ${producerEpoch}, sequence ${lastSequence}`,
      )
  }
  for (const [producerId, { lastOffset, epoch, lastSequence }] of known) {
    // What was deleted may be forgotten.
    if (found.has(producerId) || lastOffset < log.logStartOffset) continue
    checks.fail(
      'P2',
      `the last batch of producer ${producerId} in ${ledger.name} is epoch ${epoch}, sequence ${lastSequence}, at ${lastOffset}`,
      'its state does not know that producer',
    )
  }
}

const TIMES = 4

/** L10: offsets by time, asked inside. */
export function checkTimes(world: World, { partition, ledger }: Watched, random: SeededRandom): void {
  const { checks } = world
  const { log } = partition
  if (log.appendEndOffset !== ledger.endOffset || ledger.facts.length === 0 || log.offline !== null) return
  for (let i = 0; i < TIMES; i++) {
    checks.met('L10')
    const timestamp = ledger.facts[random.below(ledger.facts.length)].maxTimestamp + random.below(3) - 1
    const expected = ledger.firstAtOrAfter(timestamp, log.logStartOffset, ledger.endOffset)
    const found = log.fetchOffsetByTimestamp(timestamp)?.offset ?? -1
    if (found !== expected)
      checks.fail(
        'L10',
        `a full scan of ${ledger.name} finds ${expected} for timestamp ${timestamp}`,
        `the log says ${found}`,
      )
  }
}
