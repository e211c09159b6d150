/**
 * `npm run pack`: the published form. Compiles every package once, stages each public one under `out/packages/<name>`
 * with its exports pointing at JavaScript, and packs it into `out/tarballs`. Ends with one line of totals.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const build = join(root, 'out/build')
const staged = join(root, 'out/packages')
const tarballs = join(root, 'out/tarballs')

interface Manifest {
  name: string
  private?: boolean
  exports: Record<string, string | Record<string, string>>
  files?: string[]
  [key: string]: unknown
}

function run(command: string, args: readonly string[], cwd: string): string {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (done.status === 0) return done.stdout
  process.stdout.write(done.stdout ?? '')
  throw new Error(`${command} ${args.join(' ')} ended with ${done.status ?? done.signal}`)
}

/** `./src/x.ts` → what a published package exports for it. */
function published(target: string): Record<string, string> {
  const path = target.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, '')
  return { types: `${path}.d.ts`, default: `${path}.js` }
}

function publishedExports(manifest: Manifest, hasCommonJs: boolean): Manifest['exports'] {
  const out: Manifest['exports'] = {}
  for (const [name, target] of Object.entries(manifest.exports)) {
    if (typeof target !== 'string' || !target.endsWith('.ts')) {
      out[name] = target
      continue
    }
    const forms = published(target)
    // Test runners with a module system of their own (jest) cannot `require` an ES module; Node itself can.
    if (name === '.' && hasCommonJs) out[name] = { types: forms.types, import: forms.default, require: './index.cjs' }
    else out[name] = forms
  }
  out['./package.json'] = './package.json'
  return out
}

function stage(folder: string): string {
  const source = join(root, 'packages', folder)
  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as Manifest
  const target = join(staged, folder)
  mkdirSync(target, { recursive: true })
  cpSync(join(build, folder, 'src'), join(target, 'dist'), { recursive: true })
  for (const extra of ['bin', 'README.md', 'index.cjs']) {
    if (existsSync(join(source, extra))) cpSync(join(source, extra), join(target, extra), { recursive: true })
  }
  copyFileSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
  if (!existsSync(join(target, 'README.md'))) copyFileSync(join(root, 'README.md'), join(target, 'README.md'))
  manifest.exports = publishedExports(manifest, existsSync(join(source, 'index.cjs')))
  manifest.files = ['dist', 'bin', 'index.cjs', 'README.md', 'LICENSE']
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  return target
}

function isPublic(folder: string): boolean {
  const path = join(root, 'packages', folder, 'package.json')
  return existsSync(path) && (JSON.parse(readFileSync(path, 'utf8')) as Manifest).private !== true
}

for (const folder of [build, staged, tarballs]) rmSync(folder, { recursive: true, force: true })
mkdirSync(tarballs, { recursive: true })
run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], root)
const folders = readdirSync(join(root, 'packages')).filter(isPublic)
for (const folder of folders) {
  const tarball = run('npm', ['pack', '--silent', '--pack-destination', tarballs], stage(folder)).trim()
  console.log(`${folder}: ${tarball.split('\n').at(-1)}`)
}
console.log(`${folders.length} passed, 0 failed`)
