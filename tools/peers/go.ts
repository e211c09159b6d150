import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Installed, installOnce, peersDir, projectDir, run } from './folders.ts'

/** Our programs on franz-go: folder in the checkout, program name. */
const programs = {
  'franz-go-scenarios': 'interop/clients/franz-go',
  'bench-driver': 'benchmarks/driver',
} as const
export type GoProgram = keyof typeof programs

/** Builds one of our Go programs into `.peers/<name>/`; built anew when its sources change. */
export function installGoProgram(name: GoProgram): Promise<Installed> {
  const source = join(projectDir, programs[name])
  const hash = createHash('sha256')
  for (const file of readdirSync(source).sort()) {
    if (/\.(go|mod|sum)$/.test(file)) hash.update(file).update(readFileSync(join(source, file)))
  }
  return installOnce(name, { sources: hash.digest('hex') }, async (dir) => {
    const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local' }
    await run('go', ['build', '-o', join(dir, name), '.'], { cwd: source, env })
  })
}

/** The path of the built program. Install it first. */
export function goProgram(name: GoProgram): string {
  return join(peersDir, name, name)
}
