import { exitCodes } from './exit-codes.ts'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * `npm` and `npx` pass a Ctrl-C on that the terminal has sent to the whole group already; where the shell between gives
 * way to the command (bash does), it comes twice within milliseconds. What comes within this time, in ms, is one press.
 */
const SAME_PRESS_MS = 250

/**
 * Ctrl-C (SIGINT) and SIGTERM for a command that has something to finish: the first is told to it, the second ends the
 * process, even one that is too busy to listen. Before `listen` the first does that.
 */
export class StopSignals {
  /** The first has come. */
  came = false
  private readonly onFirst: () => void
  private listening = false

  constructor(onFirst: () => void) {
    this.onFirst = onFirst
  }

  listen(): void {
    if (this.listening) return
    this.listening = true
    for (const signal of SIGNALS) process.on(signal, this.first)
  }

  /** Leaves the signals to the system again. */
  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.first)
  }

  private readonly first = () => {
    if (this.came) return
    this.came = true
    this.onFirst()
    // The signals that came while the process was busy are taken before an immediate, and after a timer.
    setTimeout(() => setImmediate(() => this.leave()).unref(), SAME_PRESS_MS).unref()
  }

  private leave(): void {
    this.release()
    // The first process of a container is not ended by signals that it does not handle.
    if (process.pid === 1) for (const signal of SIGNALS) process.on(signal, () => process.exit(exitCodes.interrupted))
  }
}
