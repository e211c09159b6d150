import type { Checks } from './invariants.ts'

/** Inputs that are fed, and what became of each, on the way through the shipped clients. */
export class PipelineLedger {
  /** Written for sure. */
  readonly acked = new Set<string>()
  private readonly checks: Checks
  /** Everything that was sent, acked or not. */
  private readonly sent = new Set<string>()
  private readonly inputAt = new Map<string, string>()
  private readonly outputAt = new Map<string, string>()
  private readonly processed = new Set<string>()

  constructor(checks: Checks) {
    this.checks = checks
  }

  sending(key: string): void {
    this.sent.add(key)
  }

  /** L4 of the producer, and G4 of its group: somebody works on an input, which may be for another time. */
  processing(key: string, place: string, who: string): void {
    this.checks.met('L2')
    this.checks.met('L4')
    if (!this.sent.has(key)) this.checks.fail('L2', 'inputs are what was sent', `${who} reads ${key} at ${place}`)
    this.unique(this.inputAt, 'L4', key, place, who)
    this.processed.add(key)
  }

  /** T8: a reader of committed records gets an output. */
  output(key: string, place: string, who: string): void {
    this.checks.met('T8')
    if (!this.sent.has(key))
      this.checks.fail('T8', 'every output is that of an input', `${who} reads ${key} at ${place}`)
    this.unique(this.outputAt, 'T8', key, place, who)
  }

  private unique(seen: Map<string, string>, invariant: 'L4' | 'T8', key: string, place: string, who: string): void {
    const before = seen.get(key)
    if (before !== undefined && before !== place)
      this.checks.fail(invariant, `${key} is at ${before}`, `${who} reads it at ${place} too`)
    seen.set(key, place)
  }

  /** Nothing that was acked is missing. */
  get isComplete(): boolean {
    for (const key of this.acked) if (!this.outputAt.has(key) || !this.processed.has(key)) return false
    return true
  }

  get standing(): string {
    const without = (done: { has(key: string): boolean }): string[] => [...this.acked].filter((key) => !done.has(key))
    const noOutput = without(this.outputAt)
    const notProcessed = without(this.processed)
    return `of ${this.acked.size} inputs ${noOutput.length} have no output (${noOutput.slice(0, 5)}), ${notProcessed.length} were not processed (${notProcessed.slice(0, 5)})`
  }
}
