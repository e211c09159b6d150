/**
 * `npm test`: types, lint and every test that needs nothing but Node and npm. Ends with one line of totals.
 * `npm test -- packages/storage` runs only the tests below that path; `types` and `lint` are those checks alone.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, globSync, mkdirSync, rmSync } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { build } from 'esbuild'
import { refuse, toolArguments } from './arguments.ts'

const root = new URL('..', import.meta.url).pathname
// Each test file is a process of its own: what one has compiled the next need not.
process.env.NODE_COMPILE_CACHE ??= `${root}node_modules/.cache/compile`
// A handler that says what its caller's version has no room for is a mistake, see `packages/protocol/src/codec/message.ts`.
process.env.OTTLA_STRICT_RESPONSES ??= '1'
const { positionals: only } = toolArguments(import.meta.url, {}, true)

/**
 * The command's sources joined into a few files, as the published package has them: a test that runs it a hundred times waits half as
 * long. A test that is run by itself runs the sources.
 */
async function joinCli(): Promise<string> {
  const folder = `${root}node_modules/.cache/ottla-cli`
  rmSync(folder, { recursive: true, force: true })
  await build({
    entryPoints: [`${root}packages/cli/src/main.ts`],
    outdir: `${folder}/dist`,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
  })
  mkdirSync(`${folder}/bin`)
  for (const file of ['package.json', 'bin/ottla.js']) copyFileSync(`${root}packages/cli/${file}`, `${folder}/${file}`)
  return `${folder}/bin/ottla.js`
}

interface Tally {
  passed: number
  failed: number
  skipped: number
}

/** They take half a minute each: begun first, none of them is left to one processor at the end. */
const LONG = [
  '/storage/test/crash-',
  '/simulator/test/',
  '/cli/test/commands',
  '/test/docs-commands',
  '/test/fuzz/fuzz.',
]

/** A check that is a command of its own: counts as one test. */
async function command(name: string, args: readonly string[], tally: Tally): Promise<void> {
  const startedMs = performance.now()
  const code = await new Promise<number>((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('exit', (status) => resolve(status ?? 1))
  })
  if (code === 0) tally.passed++
  else tally.failed++
  console.log(`${code === 0 ? '✔' : '✖'} ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`)
}

function isLong(path: string): boolean {
  return LONG.some((part) => path.includes(part))
}

async function tests(files: string[], tally: Tally): Promise<void> {
  // Most of what a test makes is gone at once: with more room for it, less of it is moved about.
  const stream = run({ files, concurrency: 2, timeout: 240_000, execArgv: ['--max-semi-space-size=64'] })
  stream.on('test:pass', (event) => {
    if (event.details?.type === 'suite') return
    if (event.skip !== undefined) tally.skipped++
    else tally.passed++
  })
  stream.on('test:fail', (event) => {
    if (event.details?.type !== 'suite') tally.failed++
  })
  const quiet = process.stdout.isTTY !== true
  for await (const line of stream.compose(new spec())) {
    const text = String(line)
    // Off a terminal, a passing test is a number in the totals; what failed or was skipped is shown with its reason.
    if (!quiet || !/^\s*(✔|▶)/.test(text)) process.stdout.write(text)
  }
}

const tally: Tally = { passed: 0, failed: 0, skipped: 0 }
const startedMs = performance.now()
console.log(`Node ${process.version}`)
const paths = only.filter((name) => name !== 'types' && name !== 'lint')
const patterns = only.length === 0 ? ['packages', 'tools', 'examples', 'interop', 'benchmarks'] : paths
const files = patterns
  .flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.test.ts`, { cwd: root })))
  .filter((path) => !path.includes('node_modules'))
  .map((path) => `${root}${path}`)
  .sort((a, b) => Number(isLong(b)) - Number(isLong(a)) || (a < b ? -1 : 1))
if (paths.length > 0 && files.length === 0) refuse(`there is no test below ${paths.join(', ')}`)
const wanted = (check: string) => only.length === 0 || only.includes(check)
if (wanted('types')) await command('types', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], tally)
if (wanted('lint')) {
  await command('lint', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'], tally)
}
if (files.length > 0) {
  if (files.some((file) => file.includes('/packages/cli/test/'))) process.env.OTTLA_TEST_CLI ??= await joinCli()
  await tests(files, tally)
}
console.log(`${((performance.now() - startedMs) / 60_000).toFixed(1)} minutes`)
console.log(`${tally.passed} passed, ${tally.failed} failed${tally.skipped > 0 ? `, ${tally.skipped} skipped` : ''}`)
process.exit(tally.failed === 0 && tally.passed > 0 ? 0 : 1)
