import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startApacheKafka } from '../../tools/peers/apache-kafka.ts'
import { projectDir } from '../../tools/peers/folders.ts'
import { startOttla } from '../../tools/peers/ottla.ts'
import type { Row } from '../row.ts'

/** Packs the public packages and installs them into `folder`, once. Returns the command. */
function installPublishedForm(folder: string): string {
  const command = join(folder, 'node_modules', 'ottla', 'bin', 'ottla.js')
  if (existsSync(command)) return command
  const quiet = { stdio: 'ignore' } as const
  execFileSync('npm', ['run', 'pack'], { ...quiet, cwd: projectDir })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const tarballs = globSync(join(projectDir, 'out', 'tarballs', '*.tgz'))
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...tarballs], { ...quiet, cwd: folder })
  return command
}

/** From the spawning of the process on an empty folder to its first answer, as somebody has it who installed the package. */
const start: Row = {
  kind: 'own',
  id: 'start of the published form',
  untilShare: 0.7,
  async measure(contender, context) {
    const dir = context.folder()
    const broker =
      contender === 'ottla'
        ? await startOttla({ dir, command: installPublishedForm(context.keptFolder) })
        : await startApacheKafka({ version: '4.3.1', dir })
    try {
      return { 'start to first answer ms': broker.answeredMs, 'start to first metadata ms': broker.metadataMs }
    } finally {
      await broker.kill()
    }
  },
}

export const startRows: Row[] = [start]
