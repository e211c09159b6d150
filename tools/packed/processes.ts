import { type ChildProcess, spawn } from 'node:child_process'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
  /** Then the program is killed and the call rejects. Default 120 000. */
  readonly timeoutMs?: number
}

/** Runs a program to its end; rejects with what it said last when it fails or does not end by itself. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const running = new Running(program, args, options)
  const { code, stdout, stderr } = await running.ended(options.timeoutMs ?? 120_000)
  if (code === 0) return { code, stdout, stderr }
  throw new Error(`${program} ${args.join(' ')} ended with ${code}\n${`${stdout}\n${stderr}`.trim().slice(-3000)}`)
}

/** A program under way. */
export class Running {
  readonly child: ChildProcess
  private readonly name: string
  private readonly exit: Promise<number | null>
  private stdout = ''
  private stderr = ''
  private whenLine: (() => void) | null = null

  constructor(program: string, args: readonly string[], { cwd, env, input }: RunOptions) {
    this.name = [program, ...args].join(' ')
    const child = spawn(program, args, { cwd, env: env ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.child = child
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
    child.stdout.on('data', (chunk: Buffer) => {
      this.stdout += chunk
      this.whenLine?.()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk
    })
    this.exit = new Promise((resolve) => {
      child.on('error', (error) => {
        this.stderr += error.message
        resolve(null)
      })
      child.on('close', (code) => resolve(code))
    })
  }

  /** The first whole line of standard output. */
  async firstLine(timeoutMs = 30_000): Promise<string> {
    const line = new Promise<void>((resolve) => {
      this.whenLine = () => {
        if (this.stdout.includes('\n')) resolve()
      }
      this.whenLine()
    })
    await within(Promise.race([line, this.exit]), timeoutMs, () => this.complaint('printed no line'))
    if (!this.stdout.includes('\n')) throw this.complaint('ended before it printed a line')
    return this.stdout.slice(0, this.stdout.indexOf('\n'))
  }

  async ended(timeoutMs = 30_000): Promise<Ended> {
    const code = await within(this.exit, timeoutMs, () => {
      this.child.kill('SIGKILL')
      return this.complaint(`did not end within ${timeoutMs / 1000} s: something is left open`)
    })
    return { code, stdout: this.stdout, stderr: this.stderr }
  }

  private complaint(what: string): Error {
    return new Error(`${this.name} ${what}\n${`${this.stdout}\n${this.stderr}`.trim().slice(-3000)}`)
  }
}

async function within<T>(promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
