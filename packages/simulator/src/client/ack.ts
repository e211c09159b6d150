import type { PartitionLedger } from '../check/ledger.ts'
import { describeSend, type Send } from '../check/send.ts'
import type { World } from '../world.ts'

/** What the producer knew when it made the send. */
export interface KnownBefore {
  readonly lossCount: number
  readonly knownEnd: number
}

/** An ack has come: the batch must be in the log, there, by now. */
export function checkAck(
  world: World,
  partition: PartitionLedger,
  send: Send,
  baseOffset: number,
  before: KnownBefore,
): void {
  const { checks } = world
  if (world.tracing) world.say(`ack ${partition.name}@${baseOffset} for ${describeSend(send)}`)
  world.scheduler.note('sim/ack', send.id, baseOffset)
  if (partition.damaged) return
  checks.met('L1')
  let fact = partition.factAt(baseOffset)
  if (fact === undefined) {
    world.refresh()
    fact = partition.factAt(baseOffset)
  }
  const there = fact !== undefined && fact.baseOffset === baseOffset && fact.send === send
  if (!there && !partition.wasLost(baseOffset, send) && !isAbandoned(partition)) {
    const found = fact === undefined ? `its log ends at ${partition.endOffset}` : `there is ${describeSend(fact.send)}`
    checks.fail('L1', `${describeSend(send)} is acked at ${partition.name}@${baseOffset}`, found)
  }
  checks.met('L3')
  if (
    send.producerId >= 0 &&
    send.ackedOffset >= 0 &&
    send.ackedOffset !== baseOffset &&
    before.lossCount === partition.lossCount
  )
    checks.fail('L3', `${describeSend(send)} was acked at ${send.ackedOffset}`, `now it is acked at ${baseOffset}`)
  send.ackedOffset = baseOffset
  checks.met('L5')
  if (before.lossCount === partition.lossCount && baseOffset < before.knownEnd && send.attempts === 1)
    checks.fail(
      'L5',
      `${describeSend(send)} was made when its producer knew ${partition.name} up to ${before.knownEnd}`,
      `it is acked at ${baseOffset}`,
    )
}

/** Nobody watches the files of a topic that is going away. */
function isAbandoned(partition: PartitionLedger): boolean {
  return partition.topic.state !== 'live'
}
