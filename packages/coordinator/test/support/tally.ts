import {
  CoordinatorError,
  type CoordinatorKind,
  type CoordinatorMachine,
  type CoordinatorRecord,
  type Later,
  type MachineContext,
  type Outcome,
  RecordType,
  RecordTypes,
  replyOnly,
  TimelineMap,
} from '@ottla/coordinator'
import { OffsetCommitKey, OffsetCommitValue } from '@ottla/protocol'

/** The smallest coordinator there can be: it counts, by name. Offsets' records serve as its own. */
const tally = new RecordType(OffsetCommitKey, OffsetCommitValue, 3)

export class TallyMachine implements CoordinatorMachine {
  readonly counts: TimelineMap<string, { readonly n: number }>
  readonly context: MachineContext
  /** By producer id: what waits for its transaction. */
  readonly pending: TimelineMap<number, readonly string[]>
  isUnloaded = false

  constructor(context: MachineContext) {
    this.context = context
    this.counts = new TimelineMap(context.timeline)
    this.pending = new TimelineMap(context.timeline)
  }

  replay(_offset: number, producerId: number, _epoch: number, { key, value }: CoordinatorRecord): void {
    const name: string = key.group
    if (name === 'poison') throw new Error('poisoned')
    if (value === null) this.counts.delete(name)
    else if (producerId < 0) this.counts.set(name, { n: value.offset })
    else this.pending.set(producerId, [...(this.pending.get(producerId) ?? []), name])
  }

  replayEndTransaction(producerId: number, _epoch: number, commit: boolean): void {
    const names = this.pending.get(producerId) ?? []
    this.pending.delete(producerId)
    if (commit) for (const name of names) this.counts.set(name, { n: this.n(name) + 1 })
  }

  loaded(): void {}

  unloaded(): void {
    this.isUnloaded = true
  }

  n(name: string): number {
    return this.counts.get(name)?.n ?? 0
  }

  /** Counts one on; replies how many there are then. */
  count(name: string): Outcome<number> {
    return { records: [this.record(name, this.n(name) + 1)], reply: this.n(name) + 1 }
  }

  refuse(errorCode: number): Outcome<number> {
    throw new CoordinatorError(errorCode, 'refused')
  }

  look(name: string): Outcome<number> {
    return replyOnly(this.n(name))
  }

  wait(later: Later<number>): Outcome<number> {
    return replyOnly(later)
  }

  countMany(names: readonly string[]): Outcome<number> {
    return { records: names.map((name) => this.record(name, this.n(name) + 1)), reply: names.length, separable: true }
  }

  record(name: string, n: number): CoordinatorRecord {
    const value = { offset: n, leaderEpoch: -1, metadata: '', commitTimestamp: 0, expireTimestamp: -1, topicId: '' }
    return tally.put({ group: name, topic: '', partition: 0 }, value)
  }
}

export const tallyKind: CoordinatorKind<TallyMachine> = {
  name: 'tally',
  recordTypes: new RecordTypes([tally]),
  create: (context) => new TallyMachine(context),
}
