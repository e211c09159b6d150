import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectDir } from './folders.ts'
import { awaitAnswers, endProcess, freePort, type RunningBroker, track } from './running-broker.ts'

/** The `ottla` command of this checkout. */
export const ottlaCommand = join(projectDir, 'packages', 'cli', 'bin', 'ottla.js')

export interface OttlaOptions {
  /** The data go into `dir/data`, the log lines into `dir/server.log`. */
  dir: string
  /** Default: a free port. */
  port?: number
  /** A second listener (named PROXIED) that advertises another port, where a proxy waits. */
  proxied?: { port: number; advertisedPort: number }
  /** Broker settings, as `--set name=value`. */
  set?: Record<string, string>
  /** Default: `dir/data`. */
  dataDir?: string
  /** The program to run. Default: the one of this checkout. */
  command?: string
  /** Takes over data that Apache Kafka wrote. */
  adopt?: boolean
}

/** Starts our broker as a user would, by its command, and resolves when it answers. */
export async function startOttla(options: OttlaOptions): Promise<RunningBroker> {
  const { dir } = options
  mkdirSync(dir, { recursive: true })
  const port = options.port ?? (await freePort())
  const dataDir = options.dataDir ?? join(dir, 'data')
  const args = ['start', '--dir', dataDir, '--json']
  if (options.adopt === true) args.push('--adopt')
  const settings = { ...options.set }
  if (options.proxied === undefined) {
    args.push('--port', String(port))
  } else {
    settings.listeners = `PLAINTEXT://127.0.0.1:${port},PROXIED://127.0.0.1:${options.proxied.port}`
    settings['advertised.listeners'] =
      `PLAINTEXT://localhost:${port},PROXIED://localhost:${options.proxied.advertisedPort}`
    settings['listener.security.protocol.map'] = 'PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT'
  }
  for (const [name, value] of Object.entries(settings)) args.push('--set', `${name}=${value}`)
  const logFile = join(dir, 'server.log')
  const log = openSync(logFile, 'a')
  const spawnedMs = performance.now()
  const child = track(
    spawn(process.execPath, [options.command ?? ottlaCommand, ...args], { stdio: ['ignore', log, log] }),
  )
  closeSync(log)
  let answers: { answeredMs: number; metadataMs: number }
  try {
    answers = await awaitAnswers(port, spawnedMs, () => child.exitCode !== null || child.signalCode !== null)
  } catch (error) {
    await endProcess(child, 'SIGKILL')
    throw new Error(`Ottla: ${(error as Error).message}\n${readFileSync(logFile).subarray(-3000)}`)
  }
  return {
    name: 'Ottla',
    bootstrap: `localhost:${port}`,
    port,
    pid: child.pid!,
    dataDir,
    ...answers,
    stop: () => endProcess(child, 'SIGTERM'),
    kill: () => endProcess(child, 'SIGKILL'),
  }
}
