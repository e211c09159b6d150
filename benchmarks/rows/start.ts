import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startApacheKafka } from '../../tools/peers/apache-kafka.ts'
import { projectDir } from '../../tools/peers/folders.ts'
import { startOttla } from '../../tools/peers/ottla.ts'
import type { Row } from '../row.ts'

let published: string | undefined

/** Packs the public packages and installs them, once: into `folder`, if it is the first. Returns where they are. */
function installPublishedForm(folder: string): string {
  if (published !== undefined) return published
  const quiet = { stdio: 'ignore' } as const
  execFileSync('npm', ['run', 'pack'], { ...quiet, cwd: projectDir })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const tarballs = globSync(join(projectDir, 'out', 'tarballs', '*.tgz'))
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...tarballs], { ...quiet, cwd: folder })
  published = folder
  return folder
}

const commandIn = (folder: string): string => join(folder, 'node_modules', 'ottla', 'bin', 'ottla.js')

/**
 * From the spawning of the process on an empty folder to its first answer, as somebody has it who installed the package.
 * In the first round nothing has been compiled yet.
 */
const start: Row = {
  kind: 'own',
  id: 'start of the published form',
  untilShare: 0.7,
  async measure(contender, context) {
    const dir = context.folder()
    const broker =
      contender === 'ottla'
        ? await startOttla({ dir, command: commandIn(installPublishedForm(context.keptFolder)) })
        : await startApacheKafka({ version: '4.3.1', dir })
    try {
      const samples = { 'start to first answer ms': broker.answeredMs, 'start to first metadata ms': broker.metadataMs }
      await broker.stop()
      return samples
    } finally {
      await broker.kill()
    }
  },
}

const testProgram = `
const begun = performance.now()
const { startBroker } = await import('ottla')
const imported = performance.now()
const first = await startBroker()
const up = performance.now()
await first.close()
const closed = performance.now()
const second = await startBroker()
const again = performance.now()
await second.close()
const samples = { 'import ms': imported - begun, 'startBroker ms': up - imported, 'a second startBroker ms': again - closed }
process.stdout.write(JSON.stringify(samples))
`

/** What a test waits for that starts a broker in its own process, in a process that has done nothing before. */
const embedded: Row = {
  kind: 'own',
  id: 'startBroker in a test',
  untilShare: 0.72,
  async measure(contender, context) {
    if (contender === 'kafka') return {}
    const cwd = installPublishedForm(context.keptFolder)
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', testProgram], { cwd, encoding: 'utf8' })
    return JSON.parse(output)
  },
}

export const startRows: Row[] = [start, embedded]
