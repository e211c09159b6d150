/** One of the standard streams, as far as it matters here. */
interface Stream {
  readonly isTTY?: boolean
}

/**
 * Whether a hangup (SIGHUP) is the closing of the terminal that shows this broker's output, and so a reason to stop.
 *
 * `nohup` ignores SIGHUP on behalf of the program it starts, but Node puts every signal back to its default before any
 * of our code runs, so that cannot be asked for; without a handler of ours the signal would end the process. What
 * `nohup` leaves behind on every system is that neither output is a terminal. The same goes for service managers and for
 * whoever sends the output to files.
 */
export function isHangupAStop(stdout: Stream, stderr: Stream): boolean {
  return stdout.isTTY === true || stderr.isTTY === true
}

/** From here on a hangup ends nothing. */
export function outliveHangup(): void {
  process.on('SIGHUP', () => {
    const what = 'SIGHUP changes nothing here: there is no terminal that could be gone'
    process.stderr.write(`${what}; \`kill ${process.pid}\` stops\n`)
  })
}

/** Resolves when the terminal was closed. */
export function terminalClosed(): Promise<void> {
  return new Promise((resolve) => {
    process.on('SIGHUP', () => resolve())
  })
}
