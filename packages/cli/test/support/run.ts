import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The sources, or what `npm test` has made of them. */
export const bin = process.env.OTTLA_TEST_CLI ?? fileURLToPath(new URL('../../bin/ottla.js', import.meta.url))

export interface Ended {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

export interface RunOptions {
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
}

/** Runs the command as a user does: a process of its own, nothing of this one's settings. */
export function ottla(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, OTTLA_BOOTSTRAP: undefined, OTTLA_PROFILE: undefined, OTTLA_CONFIG: undefined }
    const child = spawn(process.execPath, [bin, ...args], { cwd: options.cwd, env: { ...env, ...options.env } })
    const stdout: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ stdout: Buffer.concat(stdout).toString(), stderr, code }))
    // A command that does not read its input may be gone before all of it is written.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}
