import timers from 'node:timers'
import { SeededRandom } from './prng.ts'

/** Taken once, so that fake timers of a test framework do not stop a simulation. */
const realSetImmediate = timers.setImmediate

/** An event waiting for its time. */
export interface SimEvent {
  readonly timeUs: number
  readonly tieBreak: number
  readonly sequence: number
  readonly kind: number
  readonly a: number
  readonly b: number
  /** `undefined` after the event ran or was cancelled. */
  fn: (() => void) | undefined
}

/** One line of the trace: what ran, when, and on behalf of whom. */
export interface TraceEntry {
  /** Number of the event, counted from 1. */
  readonly event: number
  readonly timeMs: number
  readonly kind: string
  readonly a: number
  readonly b: number
}

export interface SimSchedulerOptions {
  readonly seed: number
  /** How many of the last trace entries are kept. Default 1 024. */
  readonly traceEntriesMax?: number
}

export interface RunOptions {
  /** Stop once the next event lies beyond this instant (simulated milliseconds since the start). */
  readonly untilMs?: number
  /** Stop when true; asked after every event. */
  readonly until?: () => boolean
  /** Fail after this many further events: a run that never becomes idle. Default 10 000 000. */
  readonly eventsMax?: number
}

/** Why `run` came back. */
export type RunResult = 'idle' | 'time' | 'predicate'

const traceEntriesDefault = 1_024
const eventsMaxDefault = 10_000_000
const fieldsPerEntry = 5

/**
 * The one source of events of a simulation. Events run in the order of their time; those due at the same
 * microsecond in an order drawn from the seed. Between two events every promise callback runs out, so the code under
 * simulation sees what a real event loop would show it, one turn at a time, and the same seed gives the same run.
 */
export class SimScheduler {
  readonly seed: number
  readonly random: SeededRandom
  readonly #tieBreaks: SeededRandom
  readonly #heap: SimEvent[] = []
  #nowUs = 0
  #sequence = 0
  #eventCount = 0
  #running = false

  readonly #kinds = new Map<string, number>()
  readonly #kindNames: string[] = []
  readonly #trace: Float64Array
  #traceCount = 0
  #hashLow = 0x811c_9dc5
  #hashHigh = 0x9e37_79b9

  constructor(options: SimSchedulerOptions) {
    this.seed = options.seed >>> 0
    this.random = new SeededRandom(this.seed)
    this.#tieBreaks = this.random.split('scheduler/tie-break')
    this.#trace = new Float64Array((options.traceEntriesMax ?? traceEntriesDefault) * fieldsPerEntry)
  }

  /** Simulated milliseconds since the start. */
  get nowMs(): number {
    return this.#nowUs / 1_000
  }

  get eventCount(): number {
    return this.#eventCount
  }

  get pendingEvents(): number {
    return this.#heap.length
  }

  /** Sixteen hex digits over everything traced so far; equal for equal runs. */
  get traceHash(): string {
    const hex = (n: number): string => (n >>> 0).toString(16).padStart(8, '0')
    return hex(this.#hashHigh) + hex(this.#hashLow)
  }

  /**
   * Runs `fn` after `delayMs` (rounded to whole microseconds; below 0 counts as 0). `kind` names what it is, `a` and
   * `b` whom it concerns: integers that go into the trace and its hash.
   */
  schedule(delayMs: number, kind: string, a: number, b: number, fn: () => void): SimEvent {
    const event: SimEvent = {
      timeUs: this.#nowUs + (delayMs > 0 ? Math.round(delayMs * 1_000) : 0),
      tieBreak: this.#tieBreaks.uint32(),
      sequence: this.#sequence++,
      kind: this.#kindOf(kind),
      a,
      b,
      fn,
    }
    this.#push(event)
    return event
  }

  cancel(event: SimEvent): void {
    // It stays in the heap and is skipped, which costs less than finding it.
    event.fn = undefined
  }

  /** Adds a line to the trace that is no event: what a component decided. */
  note(kind: string, a = 0, b = 0): void {
    this.#record(this.#kindOf(kind), a, b)
  }

  /** The trace's tail, oldest first. */
  trace(): TraceEntry[] {
    const capacity = this.#trace.length / fieldsPerEntry
    const entries: TraceEntry[] = []
    for (let i = Math.max(0, this.#traceCount - capacity); i < this.#traceCount; i++) {
      const at = (i % capacity) * fieldsPerEntry
      const t = this.#trace
      entries.push({
        event: t[at],
        timeMs: t[at + 1] / 1_000,
        kind: this.#kindNames[t[at + 2]],
        a: t[at + 3],
        b: t[at + 4],
      })
    }
    return entries
  }

  /**
   * Runs events until there are none, or a limit of `options` is met. After `untilMs` the clock stands at that
   * instant. An error thrown by an event stops the run and is thrown here.
   */
  async run(options: RunOptions = {}): Promise<RunResult> {
    const limit = this.#eventCount + (options.eventsMax ?? eventsMaxDefault)
    this.#enter()
    try {
      await this.#drain()
      for (;;) {
        if (options.until?.()) return 'predicate'
        const event = this.#next(options.untilMs)
        if (event === 'idle' || event === 'time') return event
        this.#fire(event, limit)
        await this.#drain()
      }
    } finally {
      this.#running = false
    }
  }

  /**
   * As `run`, without letting promise callbacks run between events: for code that works with callbacks alone, such as
   * recovering one of many thousand crash states.
   */
  runSync(options: RunOptions = {}): RunResult {
    const limit = this.#eventCount + (options.eventsMax ?? eventsMaxDefault)
    this.#enter()
    try {
      for (;;) {
        if (options.until?.()) return 'predicate'
        const event = this.#next(options.untilMs)
        if (event === 'idle' || event === 'time') return event
        this.#fire(event, limit)
      }
    } finally {
      this.#running = false
    }
  }

  /** Runs events until the promise settles, and returns its value. Fails when the simulation becomes idle first. */
  async runUntilSettled<T>(promise: Promise<T>, options: RunOptions = {}): Promise<T> {
    let settled = false
    const mark = (): void => {
      settled = true
    }
    promise.then(mark, mark)
    const result = await this.run({ ...options, until: () => settled })
    if (!settled) throw new Error(`seed ${this.seed}: nothing left to do (${result}) and the promise is still pending`)
    return promise
  }

  #enter(): void {
    if (this.#running) throw new Error('the simulation is running already')
    this.#running = true
  }

  /** A turn of the real event loop: every microtask and process.nextTick callback has run after it. */
  #drain(): Promise<void> {
    return new Promise((resolve) => realSetImmediate(resolve))
  }

  #next(untilMs: number | undefined): SimEvent | 'idle' | 'time' {
    const untilUs = untilMs === undefined ? Number.POSITIVE_INFINITY : Math.round(untilMs * 1_000)
    for (;;) {
      const head = this.#heap[0]
      if (head !== undefined && head.fn === undefined) {
        this.#pop()
        continue
      }
      if (head === undefined || head.timeUs > untilUs) {
        if (untilUs !== Number.POSITIVE_INFINITY) this.#nowUs = Math.max(this.#nowUs, untilUs)
        return head === undefined ? 'idle' : 'time'
      }
      return this.#pop()
    }
  }

  #fire(event: SimEvent, limit: number): void {
    if (this.#eventCount >= limit) {
      this.#push(event)
      throw new Error(`seed ${this.seed}: the simulation does not come to rest`)
    }
    this.#nowUs = event.timeUs
    this.#eventCount += 1
    this.#record(event.kind, event.a, event.b)
    const fn = event.fn!
    event.fn = undefined
    fn()
  }

  #kindOf(name: string): number {
    let kind = this.#kinds.get(name)
    if (kind === undefined) {
      kind = this.#kindNames.length
      this.#kinds.set(name, kind)
      this.#kindNames.push(name)
      // The number depends on the order of first use, which the hash must see too.
      for (let i = 0; i < name.length; i++) this.#mix(name.charCodeAt(i))
    }
    return kind
  }

  #record(kind: number, a: number, b: number): void {
    const t = this.#trace
    const at = (this.#traceCount++ * fieldsPerEntry) % t.length
    t[at] = this.#eventCount
    t[at + 1] = this.#nowUs
    t[at + 2] = kind
    t[at + 3] = a
    t[at + 4] = b
    this.#mix(this.#nowUs >>> 0)
    this.#mix(Math.floor(this.#nowUs / 0x1_0000_0000))
    this.#mix(kind)
    this.#mix(a)
    this.#mix(b)
  }

  #mix(value: number): void {
    this.#hashLow = Math.imul(this.#hashLow ^ (value & 0xffff), 0x0100_0193)
    this.#hashLow = Math.imul(this.#hashLow ^ (value >>> 16), 0x0100_0193)
    this.#hashHigh = Math.imul((this.#hashHigh << 5) | (this.#hashHigh >>> 27), 0x85eb_ca6b) ^ this.#hashLow
  }

  #push(event: SimEvent): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(event, heap[parent])) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = event
  }

  #pop(): SimEvent {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()!
    const count = heap.length
    if (count > 0) {
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= count) break
        if (child + 1 < count && before(heap[child + 1], heap[child])) child += 1
        if (!before(heap[child], last)) break
        heap[at] = heap[child]
        at = child
      }
      heap[at] = last
    }
    return top
  }
}

function before(x: SimEvent, y: SimEvent): boolean {
  if (x.timeUs !== y.timeUs) return x.timeUs < y.timeUs
  if (x.tieBreak !== y.tieBreak) return x.tieBreak < y.tieBreak
  return x.sequence < y.sequence
}
