/**
 * `npm run pack`: the published form. Compiles every package once, stages each public one under `out/packages/<folder>`
 * with its exports pointing at JavaScript, and packs it into `out/tarballs`. Ends with one line of totals.
 *
 * The modules of a package are joined into one file per export: 200 small modules cost a test 230 ms to import, eight
 * joined ones 70 ms. Packages stay apart, so that a class exists once whichever way it is reached.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toolArguments } from './arguments.ts'
import { withoutRelativeLinks } from './pack-readme.ts'

toolArguments(import.meta.url, {})
const root = new URL('..', import.meta.url).pathname
const build = join(root, 'out/build')
const staged = join(root, 'out/packages')
const tarballs = join(root, 'out/tarballs')

/** What of a source manifest is published; the rest (scripts, devDependencies, …) concerns the checkout only. */
const PUBLISHED_FIELDS = 'name version description keywords license type bin engines dependencies optionalDependencies'
/** Types that come with Node's: who mentions one needs `@types/node`, whatever the consumer's `types` says. */
const NODE_TYPES = /\b(Buffer|NodeJS|AbortSignal|Disposable|AsyncDisposable|Symbol\.(asyncDispose|dispose))\b|'node:/
/** Any that knows the oldest Node we run on: the consumer's own version is taken where it has one. */
const NODE_TYPES_RANGE = '>=22.18'

/** What the front page leads to comes along. */
const PAGES = ['README.zh-CN.md', 'docs', 'examples']

/** Packages that people write code against, also in CommonJS. */
const COMMON_JS: ReadonlySet<string> = new Set(['ottla', '@ottla/client'])

interface Packed {
  readonly filename: string
  readonly unpackedSize: number
  readonly entryCount: number
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

function run(command: string, args: readonly string[]): string {
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (done.status === 0) return done.stdout
  process.stdout.write(done.stdout ?? '')
  throw new Error(`${command} ${args.join(' ')} ended with ${done.status ?? done.signal}`)
}

function publicPackages(): Map<string, Manifest> {
  const found = new Map<string, Manifest>()
  for (const folder of readdirSync(join(root, 'packages'))) {
    const path = join(root, 'packages', folder, 'package.json')
    if (!existsSync(path)) continue
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest
    if (manifest.private !== true) found.set(folder, manifest)
  }
  return found
}

/** One file per export and per command of the command line; code of ours only, nothing of other packages. */
function bundle(folder: string, manifest: Manifest, dist: string): void {
  const compiled = join(build, folder, 'src')
  const entries = Object.values(manifest.exports).map((target) => compiledPath(manifest, target))
  if (existsSync(join(compiled, 'main.js'))) entries.push('main.js')
  const options = ['--bundle', '--splitting', '--format=esm', '--platform=node', '--target=node22.18', '--charset=utf8']
  const paths = [`--outdir=${dist}`, `--outbase=${compiled}`, '--packages=external', '--log-level=warning']
  const inputs = entries.map((entry) => join(compiled, entry))
  run('node_modules/.bin/esbuild', [...inputs, ...options, ...paths])
}

/** `./src/a/b.ts` → `a/b.js`. */
function compiledPath(manifest: Manifest, target: string): string {
  const match = /^\.\/src\/(.*)\.ts$/.exec(target)
  if (match === null) throw new Error(`${manifest.name} exports ${target}, which is not a source file`)
  return `${match[1]}.js`
}

function copyDeclarations(folder: string, dist: string): void {
  const compiled = join(build, folder, 'src')
  cpSync(compiled, dist, { recursive: true, filter: (path) => !path.endsWith('.js') })
}

/** The compiler leaves `./x.ts` in declarations; what is published has `./x.js` beside `./x.d.ts` and no `./x.ts`. */
function finishDeclarations(dist: string): { usesNodeTypes: boolean } {
  let usesNodeTypes = false
  for (const path of globSync(`${dist}/**/*.d.ts`)) {
    let text = readFileSync(path, 'utf8').replace(/(from |import\()(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2')
    if (NODE_TYPES.test(text)) {
      usesNodeTypes = true
      text = `/// <reference types="node" />\n${text}`
    }
    writeFileSync(path, text)
  }
  return { usesNodeTypes }
}

/**
 * `index.cjs` and its types. Node itself can `require` an ES module, but test runners with a module system of their own
 * (jest) cannot, and their `node:module` is their own too: so ask the realm outside the runner's sandbox for the real
 * one.
 */
function addCommonJsDoor(target: string): void {
  const values = [...readFileSync(join(target, 'dist/index.js'), 'utf8').matchAll(/^export \{([^}]*)\}/gm)]
    .flatMap((match) => match[1].split(','))
    .map((item) => item.trim().split(' as ').at(-1)!)
    .filter((name) => name !== '')
  const declared = values.map((name) => {
    // A class is a type too.
    const type = /^[A-Z]/.test(name) ? `export type ${name} = esm.${name}\n` : ''
    return `export declare const ${name}: typeof esm.${name}\n${type}`
  })
  writeFileSync(
    join(target, 'index.cjs'),
    `'use strict'
const outside = require('node:vm').runInThisContext('process')
const { createRequire } = outside.getBuiltinModule('node:module')
module.exports = createRequire(__filename)('./dist/index.js')
`,
  )
  const esm = `'./dist/index.js' with { 'resolution-mode': 'import' }`
  writeFileSync(
    join(target, 'index.d.cts'),
    `import type * as esm from ${esm}\nexport type * from ${esm}\n${declared.join('')}`,
  )
}

/** `./src/x.ts` → what a published package exports for it. */
function publishedExports(manifest: Manifest, hasCommonJs: boolean): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, target] of Object.entries(manifest.exports)) {
    const path = `./dist/${compiledPath(manifest, target)}`
    const esm = { types: path.replace(/\.js$/, '.d.ts'), default: path }
    const commonJs = { types: './index.d.cts', default: './index.cjs' }
    out[name] = name === '.' && hasCommonJs ? { import: esm, require: commonJs } : esm
  }
  return { ...out, './package.json': './package.json' }
}

function publishedManifest(manifest: Manifest, all: ReadonlyMap<string, Manifest>): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const field of PUBLISHED_FIELDS.split(' ')) if (manifest[field] !== undefined) out[field] = manifest[field]
  for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
    const ours = [...all.values()].find((other) => other.name === name)
    if (ours === undefined && name.startsWith('@ottla/'))
      throw new Error(`${manifest.name} needs ${name}, a private one`)
    if (ours !== undefined && range !== ours.version) throw new Error(`${manifest.name} needs ${name} ${range}`)
  }
  return out
}

/** Lays one package out as it will be installed; returns the folder. */
function stage(folder: string, manifest: Manifest, all: ReadonlyMap<string, Manifest>): string {
  const source = join(root, 'packages', folder)
  const target = join(staged, folder)
  const dist = join(target, 'dist')
  mkdirSync(target, { recursive: true })
  copyDeclarations(folder, dist)
  bundle(folder, manifest, dist)
  if (existsSync(join(source, 'bin'))) cpSync(join(source, 'bin'), join(target, 'bin'), { recursive: true })
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
  const readme = manifest.name === 'ottla' ? join(root, 'README.md') : join(source, 'README.md')
  if (existsSync(readme)) writeFileSync(join(target, 'README.md'), withoutRelativeLinks(readFileSync(readme, 'utf8')))
  else writeFileSync(join(target, 'README.md'), `# ${manifest.name}\n\n${manifest.description}. A part of Ottla.\n`)
  const pages = manifest.name === 'ottla' ? PAGES : []
  for (const page of pages) {
    cpSync(join(root, page), join(target, page), { recursive: true, filter: (path) => !path.endsWith('/test') })
  }
  const { usesNodeTypes } = finishDeclarations(dist)
  const hasCommonJs = COMMON_JS.has(manifest.name)
  if (hasCommonJs) addCommonJsDoor(target)
  const out = publishedManifest(manifest, all)
  if (usesNodeTypes) out.dependencies = { ...manifest.dependencies, '@types/node': NODE_TYPES_RANGE }
  out.exports = publishedExports(manifest, hasCommonJs)
  out.files = ['dist', 'bin', 'index.cjs', 'index.d.cts', ...pages]
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(out, null, 2)}\n`)
  return target
}

for (const folder of [build, staged, tarballs]) rmSync(folder, { recursive: true, force: true })
mkdirSync(tarballs, { recursive: true })
run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
const all = publicPackages()
const folders = [...all].map(([folder, manifest]) => stage(folder, manifest, all))
const packed = run('npm', ['pack', '--silent', '--json', '--pack-destination', tarballs, ...folders])
for (const { filename, unpackedSize, entryCount } of JSON.parse(packed) as Packed[]) {
  console.log(`${filename}: ${entryCount} files, ${Math.round(unpackedSize / 1024)} KiB unpacked`)
}
console.log(`${folders.length} passed, 0 failed`)
