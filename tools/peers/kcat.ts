import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Installed, run } from './folders.ts'

function found(): string | undefined {
  const names = ['kcat', 'kafkacat']
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) if (existsSync(join(dir, name))) return join(dir, name)
  }
  return undefined
}

/** kcat from the system's packages. Needs root and apt-get when it is not there yet. */
export async function installKcat(): Promise<Installed> {
  const there = found()
  if (there !== undefined) return { name: 'kcat', path: there, cached: true }
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update', '-qq'], { env })
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'kcat'], { env })
  const path = found()
  if (path === undefined) throw new Error('the kcat package was installed but brought no kcat program')
  return { name: 'kcat', path, cached: false }
}

/** The path of the kcat program. Install it first. */
export function kcatProgram(): string {
  const path = found()
  if (path === undefined) throw new Error('kcat is not installed: run node tools/peers/install.ts kcat')
  return path
}
