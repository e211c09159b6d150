import type { WorkloadName } from '../options.ts'

/**
 * What must hold, by the numbers of the project's reliability programme. Those that begin with two letters are the
 * simulator's own: what one broker owes its clients beyond them.
 */
export const invariants = {
  L1: 'lost-write: an acked record is kept, at its offset, unchanged',
  L2: 'phantom: every record in the log was sent, here, and its sender was not told that it failed',
  L3: 'two-identities: one offset never holds two records',
  L4: 'duplicate: an idempotent send is in the log once, any other at most once per attempt',
  L5: 'reordered: offsets rise in the order of sending',
  L6: 'watermark: LSO <= HW <= LEO, nothing above is delivered, and the HW never falls',
  L7: 'broken-batch: delivered batches pass their CRC, ascend, and leave no gap',
  L8: 'rewritten: bytes below the HW never change',
  L9: 'log-start: it only rises, as far as DeleteRecords and retention allow, and stays risen',
  L10: 'time-lookup: the offset for a timestamp is what a full scan finds',
  P1: 'sequence: a repeat or the next batch of an idempotent producer is accepted, anything else is not',
  P2: 'producer-state: what the broker knows of producers is what a full scan finds',
  P3: 'stale-epoch: a fenced producer epoch appends nothing',
  P5: 'producer-id: no producer id is given twice',
  S1: 'kill: after kill -9 everything that was visible is there',
  S2: 'power-cut: what is forced to the disk before its ack survives a power cut; lazily, what was below the recovery point',
  S3: 'recovery: what a recovery keeps survives the next power cut, and a crash inside recovery changes nothing',
  S4: 'disposable: without its indexes, snapshots and epoch cache a log reads the same',
  S5: 'damage: a damaged byte is never served',
  S6: 'disk-error: after a failed write or sync nothing more is acked from that directory',
  S7: 'disk-full: a full disk refuses, and serves again when there is room',
  S8: 'clean-stop: after a clean stop a power cut takes nothing',
  G1: 'assignment: within a generation assignments are disjoint, as their leader made them, and together everything',
  G2: 'generation: what comes from an older generation, an unknown member or a fenced instance changes nothing',
  G3: 'committed: the committed offset is that of the last ok commit, and survives',
  G5: 'ownership: no partition is owned by two current members',
  G6: 'membership: a dead member goes, and a group that does not change becomes stable',
  G7: 'static: a static member back in time causes no rebalance',
  G8: 'loading: an offset that was committed is never answered with none',
  T1: 'atomic: of a transaction everything is visible, or nothing',
  T2: 'aborted: nothing of an aborted or open transaction is ever visible',
  T4: 'stable: the LSO moves on when no transaction is open',
  T6: 'fenced: after a new epoch was given nothing of an older one takes effect',
  T7: 'outside: a transactional write outside a transaction is refused',
  T8: 'exactly-once: with consumed offsets in the transaction each input becomes one output',
  T9: 'offsets: what a transaction commits for a group is visible with it, not before',
  K1: 'position: a consumer never skips and never goes back by itself',
  C3: 'metadata: a topic that was created is there, one that was deleted is not, whatever was cut',
  FS: 'fetch: what was readable when it was asked for is delivered, with a session as without one',
  WU: 'wake-up: a parked fetch is answered when its bytes arrive',
  NW: 'answers: one per request, in the order of the requests, well-formed',
  LV: 'liveness: when the faults end, everything works again in time',
  OK: 'no-bug: no exception in the broker, no unhandled rejection',
} as const

/** Those that only one of the workloads puts to the test. */
const ofGroups = /^(G|T)\d/
const ofLogs = /^(L[135-9]|L10|P[123]|S\d|K1|C3|FS|WU)/

export function invariantsOf(workload: WorkloadName): InvariantId[] {
  const others = workload === 'log' ? ofGroups : ofLogs
  return (Object.keys(invariants) as InvariantId[]).filter((id) => !others.test(id))
}

export type InvariantId = keyof typeof invariants

/** The first thing that was wrong; it ends the run. */
export class Violation extends Error {
  readonly invariant: InvariantId
  /** What was promised. */
  readonly claim: string
  /** What was found instead. */
  readonly evidence: string
  readonly timeMs: number
  readonly event: number

  constructor(invariant: InvariantId, claim: string, evidence: string, timeMs: number, event: number) {
    super(`${invariant} ${invariants[invariant]}: ${claim}; ${evidence}`)
    this.name = 'Violation'
    this.invariant = invariant
    this.claim = claim
    this.evidence = evidence
    this.timeMs = timeMs
    this.event = event
  }
}

/** Counts how often each invariant was put to the test, and keeps the first that did not hold. */
export class Checks {
  readonly exercised = new Map<InvariantId, number>()
  first: Violation | null = null
  private readonly now: () => { readonly timeMs: number; readonly event: number }

  constructor(now: () => { readonly timeMs: number; readonly event: number }) {
    this.now = now
  }

  met(invariant: InvariantId): void {
    this.exercised.set(invariant, (this.exercised.get(invariant) ?? 0) + 1)
  }

  fail(invariant: InvariantId, claim: string, evidence: string): never {
    const { timeMs, event } = this.now()
    this.met(invariant)
    const violation = new Violation(invariant, claim, evidence, timeMs, event)
    this.first ??= violation
    throw violation
  }
}
