/** What clients do in a run, as `SimRun` drives it through its phases. */
export interface Workload {
  /** Makes what is needed before the first client. */
  setUp(): void
  readonly isSetUp: boolean
  /** The machines of the clients, for the nemesis. */
  startClients(): string[]
  /** The part with faults begins. */
  begin(): void
  /** The faults have ended, and the broker is up: what must come true from here on, in this order. */
  readonly goals: readonly Goal[]
  /** After the last restart. */
  readonly lastGoals: readonly Goal[]
}

export interface Goal {
  /** For the report of a run that does not get there. */
  readonly what: string
  readonly maxMs: number
  /** Once, before it is waited for. */
  start?(): void
  reached(): boolean
  /** Why it is not reached. */
  standing?(): string
}
