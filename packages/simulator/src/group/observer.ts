import { errorName } from '@ottla/protocol'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import type { Floor } from '../check/committed.ts'
import type { GroupLedger, PartitionName } from '../check/group-ledger.ts'
import { Link } from '../client/link.ts'
import type { World } from '../world.ts'
import { fetchOffsets, isPassing } from './offsets.ts'

const UNSTABLE_OFFSET_COMMIT = 88

/** To be there before the coordinators have read their partitions. */
const BACKOFF_MS = 1

/** Asks for committed offsets from outside the groups, above all when a broker has just come up. */
export class OffsetObserver {
  readonly number: number
  /** Answers to `askAll` that are there. */
  answers = 0
  private readonly world: World
  private readonly ledgers: readonly GroupLedger[]
  private readonly random: SeededRandom
  private readonly link: Link
  private wanted = 0

  constructor(world: World, machine: SimMachine, number: number, ledgers: readonly GroupLedger[]) {
    this.world = world
    this.number = number
    this.ledgers = ledgers
    this.random = world.random(`client/${number}`)
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => this.ask(this.pick()),
      () => {},
      BACKOFF_MS,
    )
    this.tick()
  }

  /** Asks until every group has answered. */
  askAll(): void {
    this.answers = 0
    this.wanted = this.ledgers.length
  }

  get hasAll(): boolean {
    return this.answers >= this.ledgers.length
  }

  get standing(): string {
    return `c${this.number} has ${this.answers} of ${this.ledgers.length} answers`
  }

  private pick(): GroupLedger {
    return this.ledgers[this.wanted > 0 ? this.answers % this.ledgers.length : this.random.below(this.ledgers.length)]
  }

  private tick(): void {
    if (this.link.up && this.link.inFlight === 0) this.ask(this.pick())
    this.link.runtime.timers.setTimer(() => this.tick(), this.random.between(40, 250))
  }

  private ask(ledger: GroupLedger): void {
    const names = ledger.partitions
    const requireStable = this.random.chance(0.4)
    const floors = new Map<PartitionName, Floor>(
      names.map((name) => [name, ledger.offsets.get(name)!.floor(requireStable)]),
    )
    fetchOffsets(this.link, ledger.groupId, 7 + this.random.below(3), names, requireStable, (answer) => {
      if (this.world.tracing)
        this.world.say(
          `c${this.number} is told of ${ledger.groupId}: ${typeof answer === 'object' ? JSON.stringify([...(answer ?? [])]) : errorName(answer)}`,
        )
      if (answer === null) return
      if (typeof answer === 'number') {
        if (!isPassing(answer) && !(requireStable && answer === UNSTABLE_OFFSET_COMMIT))
          this.world.checks.fail('G8', `c${this.number} asks for the offsets of ${ledger.groupId}`, errorName(answer))
        return
      }
      this.world.tally.asked++
      for (const [name, offset] of answer)
        ledger.offsets.get(name)!.observed(offset, floors.get(name)!, `c${this.number}`)
      if (this.wanted > 0 && ledger === this.ledgers[this.answers % this.ledgers.length]) this.answers++
    })
  }
}
