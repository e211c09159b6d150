import fs from 'node:fs'
import tty from 'node:tty'

const STDIN = 0
const STDOUT = 1
const STDERR = 2

/** Whether another program reads standard output. */
export function isPiped(): boolean {
  const stat = fs.fstatSync(STDOUT)
  return stat.isFIFO() || stat.isSocket()
}

/**
 * When Node ends it puts a terminal back as it was when Node began. A pager that reads the output (`| less`) has taken
 * the terminal by then and given it back before we end, so Node would leave it without echo. It passes over descriptors
 * that were closed; we change nothing about the terminal that would have to be put back.
 */
export function leaveTerminalToReader(): void {
  if (!isPiped()) return
  let crashed = false
  process.on('uncaughtExceptionMonitor', () => {
    crashed = true
  })
  process.on('exit', () => {
    // Its stack is still to be written.
    if (crashed) return
    for (const descriptor of [STDIN, STDERR]) if (tty.isatty(descriptor)) fs.closeSync(descriptor)
  })
}
