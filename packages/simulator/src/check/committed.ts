import type { Checks } from './invariants.ts'

/** No offset committed, as OffsetFetch says it. */
export const NO_OFFSET = -1

/** One commit of one partition's offset. */
export interface Commit {
  readonly value: number
  /** Generation, epoch or transaction: what belongs to a later reign is refused to an earlier one. */
  readonly reign: number
  /** In the order of sending within the reign. */
  readonly number: number
  /** `unknown`: not answered (yet). */
  state: 'unknown' | 'ok' | 'refused'
}

/** What an asker knew when its question left. */
export interface Floor {
  readonly last: Commit | null
  /** Commits under way. */
  readonly open: readonly Commit[]
  /** Commits that there had been. */
  readonly count: number
}

/** The committed offset of one partition for one group, as the answers allow it to be. */
export class CommittedOffset {
  readonly name: string
  private readonly checks: Checks
  /** The last of those that were acked. */
  private last: Commit | null = null
  /** The last that will be there; who asks for what is stable gets it, or nothing yet. */
  private lastPromised: Commit | null = null
  /** Commits that may have been carried out after that, in the order of sending. */
  private open: Commit[] = []
  private readonly all: Commit[] = []

  constructor(name: string, checks: Checks) {
    this.name = name
    this.checks = checks
  }

  /** A commit leaves its sender. */
  begin(value: number, reign: number): Commit {
    const commit: Commit = { value, reign, number: this.all.length, state: 'unknown' }
    this.all.push(commit)
    this.open.push(commit)
    return commit
  }

  /** By a transaction that is to be committed: it becomes visible when the transaction's marker is written. */
  promised(commit: Commit): void {
    if (this.lastPromised === null || isLater(commit, this.lastPromised)) this.lastPromised = commit
  }

  acked(commit: Commit): void {
    commit.state = 'ok'
    this.promised(commit)
    if (this.last === null || isLater(commit, this.last)) this.last = commit
    this.forgetOlder()
  }

  refused(commit: Commit): void {
    if (commit.state !== 'unknown') return
    commit.state = 'refused'
    this.open = this.open.filter((other) => other !== commit)
  }

  /** To be kept by whoever asks for the offset, until the answer is there. */
  floor(requireStable = false): Floor {
    return { last: requireStable ? this.lastPromised : this.last, open: [...this.open], count: this.all.length }
  }

  /** G3 and G8: somebody was told the offset. `asked` is what was known when the question left. */
  observed(value: number, asked: Floor, who: string): void {
    const checks: Checks = this.checks
    const { last } = asked
    checks.met('G3')
    if (last !== null) checks.met('G8')
    if (value === (last?.value ?? NO_OFFSET)) return
    const match = [...asked.open, ...this.all.slice(asked.count)].find(
      (commit) =>
        commit.value === value && commit.state !== 'refused' && (last === null || !isSuperseded(commit, last)),
    )
    if (match === undefined)
      checks.fail(
        value === NO_OFFSET ? 'G8' : 'G3',
        `${this.name} was committed as ${last === null ? 'nothing yet' : describe(last)}${this.others()}`,
        `${who} is told ${value}`,
      )
    // Now it is known to have been carried out.
    if (match.state === 'unknown') this.acked(match)
  }

  private others(): string {
    const others = this.open.map(describe).slice(-6).join(', ')
    return others === '' ? '' : `, perhaps ${others}`
  }

  /**
   * What cannot be what is stored any more. A commit of the same reign stays: on another connection it may arrive after
   * one that was sent later.
   */
  private forgetOlder(): void {
    const { last } = this
    if (last === null) return
    this.open = this.open.filter((commit) => commit !== last && !isSuperseded(commit, last))
  }
}

function isLater(a: Commit, b: Commit): boolean {
  return a.reign > b.reign || (a.reign === b.reign && a.number > b.number)
}

function isSuperseded(commit: Commit, last: Commit): boolean {
  return commit.reign < last.reign || (commit.state === 'ok' && !isLater(commit, last))
}

function describe({ value, reign, state }: Commit): string {
  return `${value} (of ${reign}, ${state})`
}
