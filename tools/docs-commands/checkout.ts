import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Running, run } from '../packed/processes.ts'

const root = new URL('../..', import.meta.url).pathname
/** What commands leave behind, which must not come from, nor go into, the real checkout. */
const NOT_LINKED = new Set(['.git', 'ottla-data', 'demo-data', 'out'])
const COMMAND_TIMEOUT_MS = 30_000

/** Where the broker of the pages is: Kafka's usual port. */
const PAGES_ADDRESS = 'localhost:9092'
/** What `npx` comes to for what is installed, without the second that it takes to find out. */
const QUICK_NPX = '#!/bin/sh\nname=$1\nshift\nexec "node_modules/.bin/$name" "$@"\n'

/** What talks to a broker: commands of ours, and the examples. */
const TALKS_TO_BROKER = /\bottla (?:topic|produce|consume|config|cluster|bench)\b|\bexamples\//

/**
 * A folder that looks like a fresh checkout: everything in it is a link, so that what a command writes stays in the
 * folder. The broker of its pages runs on a free port, which takes the place of 9092 in their commands.
 */
export class CheckoutLike {
  readonly folder: string
  private readonly env: NodeJS.ProcessEnv = { ...process.env }
  private readonly programs: string
  private broker: { readonly running: Running; readonly bootstrap: string; readonly pid: number } | null = null

  constructor() {
    // A test runner started by a test would run nothing, and say that all is well.
    delete this.env.NODE_TEST_CONTEXT
    this.folder = mkdtempSync(join(tmpdir(), 'ottla-docs-'))
    for (const name of readdirSync(root)) {
      if (!NOT_LINKED.has(name)) symlinkSync(join(root, name), join(this.folder, name))
    }
    this.programs = mkdtempSync(join(tmpdir(), 'ottla-docs-programs-'))
    mkdirSync(join(this.programs, 'quick'))
    writeFileSync(join(this.programs, 'quick/npx'), QUICK_NPX, { mode: 0o755 })
  }

  /**
   * Runs one command as a reader would; `ottla start` goes on in the background. Resolves with what it printed, rejects
   * when it fails.
   */
  async run(command: string): Promise<string> {
    if (/\bottla start\b/.test(command)) return this.start(command)
    const usesBroker = command.includes(PAGES_ADDRESS) || TALKS_TO_BROKER.test(command)
    if (usesBroker && this.broker === null) await this.start('npx ottla start')
    const bootstrap = this.broker?.bootstrap ?? PAGES_ADDRESS
    const env = { ...this.env, OTTLA_BOOTSTRAP: bootstrap }
    const options = { cwd: this.folder, env, timeoutMs: COMMAND_TIMEOUT_MS }
    const { stdout } = await run('sh', ['-c', command.replaceAll(PAGES_ADDRESS, bootstrap)], options)
    // One of a page is found by the real one.
    if (/\bnpx\b/.test(command)) this.env.PATH = `${join(this.programs, 'quick')}:${process.env.PATH}`
    return stdout
  }

  /** Runs a program of the pages. */
  async runProgram(path: string): Promise<void> {
    const program = readFileSync(path, 'utf8')
    if (program.includes(PAGES_ADDRESS)) {
      if (this.broker === null) await this.start('npx ottla start')
      writeFileSync(path, program.replaceAll(PAGES_ADDRESS, this.broker!.bootstrap))
    }
    await run(process.execPath, [path], { cwd: this.folder, env: this.env, timeoutMs: COMMAND_TIMEOUT_MS })
  }

  private async start(command: string): Promise<string> {
    await this.stop()
    const running = new Running('sh', ['-c', `exec ${command} --port 0 --json`], { cwd: this.folder, env: this.env })
    try {
      const { event, bootstrap, pid } = JSON.parse(await running.firstLine())
      if (event !== 'ready') throw new Error(`${command} is not ready: ${event}`)
      this.broker = { running, bootstrap, pid }
      return bootstrap
    } catch (error) {
      running.child.kill('SIGKILL')
      throw error
    }
  }

  /** Ends the broker as Ctrl-C would, and wants it to end well. */
  async stop(): Promise<void> {
    const broker = this.broker
    if (broker === null) return
    this.broker = null
    process.kill(broker.pid, 'SIGINT')
    const { code, stderr } = await broker.running.ended()
    if (code !== 0) throw new Error(`the broker ended with ${code}\n${stderr}`)
  }

  async remove(): Promise<void> {
    try {
      await this.stop()
    } finally {
      rmSync(this.folder, { recursive: true, force: true })
      rmSync(this.programs, { recursive: true, force: true })
    }
  }
}
