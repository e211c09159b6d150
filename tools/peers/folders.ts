import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout. */
export const projectDir = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** Where peers live. It is ignored by git and may be removed at any time. */
export const peersDir = process.env.OTTLA_PEERS_DIR ?? join(projectDir, '.peers')

/** What one install step has to say, in one line. */
export interface Installed {
  name: string
  /** The folder or program that was installed. */
  path: string
  /** True when it was there already, made from the same recipe. */
  cached: boolean
}

/**
 * Makes `.peers/<name>` once per recipe.
 *
 * `build` fills an empty folder beside the final one; the folder is renamed into place when it is whole, so that an
 * interrupted install never passes for a finished one. A changed recipe makes the folder anew.
 */
export async function installOnce(
  name: string,
  recipe: unknown,
  build: (dir: string) => Promise<void>,
): Promise<Installed> {
  const path = join(peersDir, name)
  const stamp = join(path, '.recipe.json')
  const wanted = `${JSON.stringify(recipe)}\n`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return { name, path, cached: true }
  const unfinished = `${path}.unfinished-${process.pid}`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  try {
    await build(unfinished)
    writeFileSync(join(unfinished, '.recipe.json'), wanted)
    rmSync(path, { recursive: true, force: true })
    renameSync(unfinished, path)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return { name, path, cached: false }
}

export interface RunOptions {
  cwd?: string
  env?: Record<string, string>
  /** Written to the child's standard input, which is closed afterwards. */
  input?: string | Uint8Array
  /** Milliseconds; afterwards the child is killed and the call rejects. Default 480 000. */
  timeoutMs?: number
  /** Resolve whatever the exit code is. */
  anyExit?: boolean
}

export interface RunResult {
  code: number | null
  stdout: Buffer
  stderr: string
}

/** Runs a program to its end; rejects with the tail of its output when it fails. */
export function run(program: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolveRun, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? projectDir,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, options.timeoutMs ?? 480_000)
    child.stdout!.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr!.on('data', (chunk: Buffer) => err.push(chunk))
    child.stdin?.on('error', () => {})
    if (options.input !== undefined) child.stdin!.end(options.input)
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(new Error(`${program} did not start: ${error.message}`))
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      const stdout = Buffer.concat(out)
      const stderr = Buffer.concat(err).toString()
      if (!timedOut && (code === 0 || options.anyExit)) return resolveRun({ code, stdout, stderr })
      const tail = `${stdout.subarray(-2000)}${stderr.slice(-4000)}`.trim()
      const told = tail.split('\n').find((line) => /error|exception|fail/i.test(line)) ?? tail.split('\n').at(-1)
      const end = timedOut ? 'took too long' : `ended with ${code}`
      reject(new Error(`${program} ${end}: ${told}\narguments: ${args.join(' ').slice(-600)}\n${tail}`))
    })
  })
}
