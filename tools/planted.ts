/**
 * `npm run planted`: does the simulator find bugs? Each patch of packages/simulator/planted goes into a copy of the
 * packages, and seeds run there until one fails that passes without the patch. The checkers know nothing of the patches.
 *
 *   npm run planted                          all, at most 400 seeds each
 *   npm run planted -- --only skip-crc       one
 *   npm run planted -- --seeds 2000          with more seeds
 *
 * Then some seeds run in a copy without any patch, which stay green. Ends with one line of totals, 0 or 1.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { applyHunk, type PlantedBug, parsePatch, workloadNames } from '@ottla/simulator'
import { refuse, toolArguments, wholeNumber } from './arguments.ts'
import { defaultJobs } from './jobs.ts'

const { values } = toolArguments(import.meta.url, {
  only: { type: 'string' },
  seeds: { type: 'string', default: '400' },
  from: { type: 'string', default: '1' },
})
const seedsMax = wholeNumber('seeds', values.seeds, 1)
const firstSeed = wholeNumber('from', values.from)

const root = path.resolve(import.meta.dirname, '..')
/** A folder for each workload. */
const plantedDir = path.join(root, 'packages/simulator/planted')

const CONTROL_SEEDS = 60

interface Caught {
  readonly seed: number
  /** Seeds run until then. */
  readonly seeds: number
  readonly headline: string
  readonly claim: string
}

/** A copy of what a simulation needs: sources, and links to everything that is installed. */
function copyTo(target: string): void {
  for (const room of readdirSync(path.join(root, 'packages'))) {
    for (const part of ['package.json', 'src']) {
      cpSync(path.join(root, 'packages', room, part), path.join(target, 'packages', room, part), { recursive: true })
    }
  }
  mkdirSync(path.join(target, 'tools'))
  for (const tool of ['sim.ts', 'jobs.ts', 'arguments.ts'])
    cpSync(path.join(root, 'tools', tool), path.join(target, 'tools', tool))
  cpSync(path.join(root, 'package.json'), path.join(target, 'package.json'))
  mkdirSync(path.join(target, 'node_modules/@ottla'), { recursive: true })
  for (const name of readdirSync(path.join(root, 'node_modules'))) {
    if (name !== '@ottla' && name !== '.bin')
      symlinkSync(path.join(root, 'node_modules', name), path.join(target, 'node_modules', name))
  }
  for (const name of readdirSync(path.join(root, 'node_modules/@ottla'))) {
    symlinkSync(path.join(target, 'packages', name), path.join(target, 'node_modules/@ottla', name))
  }
}

function plant(target: string, bug: PlantedBug): void {
  for (const hunk of bug.hunks) {
    const file = path.join(target, hunk.path)
    writeFileSync(file, applyHunk(readFileSync(file, 'utf8'), hunk))
  }
}

function simulate(
  directory: string,
  args: readonly string[],
): Promise<{ readonly ok: boolean; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const options = { cwd: directory, maxBuffer: 64 * 1024 * 1024 }
    execFile(process.execPath, ['tools/sim.ts', ...args], options, (error, stdout, stderr) => {
      if (error === null || error.code === 1) resolve({ ok: error === null, output: stdout })
      else reject(new Error(`the simulation did not run:\n${stdout}${stderr}`))
    })
  })
}

async function hunt(target: string, workload: string, seedsMax: number, from: number): Promise<Caught | null> {
  for (let seed = from; seed < from + seedsMax; ) {
    const left = from + seedsMax - seed
    const args = [
      '--workload',
      workload,
      '--seeds',
      String(left),
      '--from',
      String(seed),
      '--max-failures',
      '1',
      '--twice',
      '0',
      '--jobs',
      '1',
      '--quiet',
    ]
    const { ok, output } = await simulate(target, args)
    if (ok) return null
    const headline = /^FAIL .*$/m.exec(output)?.[0]
    const failing = /seed=(0x[0-9a-f]+)/.exec(headline ?? '')?.[1]
    if (headline === undefined || failing === undefined) throw new Error(`a failure without a report:\n${output}`)
    // A seed that fails without the patch as well says nothing about it.
    if ((await simulate(root, ['--workload', workload, '--replay', failing])).ok) {
      const claim = /^ {2}claim {3}: (.*)$/m.exec(output)?.[1] ?? ''
      return { seed: Number(failing), seeds: Number(failing) - from + 1, headline, claim }
    }
    seed = Number(failing) + 1
  }
  return null
}

interface Planted {
  readonly workload: string
  readonly name: string
}

const bugs: readonly Planted[] = workloadNames
  .flatMap((workload) => readdirSync(path.join(plantedDir, workload)).map((file) => ({ workload, file })))
  .filter(({ file }) => file.endsWith('.patch'))
  .map(({ workload, file }) => ({ workload, name: file.slice(0, -'.patch'.length) }))
  .filter(({ name }) => values.only === undefined || values.only === name)
if (bugs.length === 0) {
  refuse(`there is no planted bug ${values.only ?? ''} in ${plantedDir}`)
}

/** Plants a bug in a copy of its own; whether it was caught. */
async function tryOut({ workload, name }: Planted): Promise<boolean> {
  const target = mkdtempSync(path.join(tmpdir(), 'ottla-planted-'))
  try {
    const bug = parsePatch(readFileSync(path.join(plantedDir, workload, `${name}.patch`), 'utf8'))
    copyTo(target)
    plant(target, bug)
    const caught = await hunt(target, workload, seedsMax, firstSeed)
    if (caught === null) {
      console.log(`MISSED ${name}: ${bug.title} (${values.seeds} seeds)`)
      return false
    }
    const [, invariant, title] = /^FAIL (\S+) (\S+)/.exec(caught.headline) ?? []
    console.log(
      `caught ${name} by ${invariant} ${title} after ${caught.seeds} seeds (0x${caught.seed.toString(16)}): ${caught.claim}`,
    )
    return true
  } finally {
    rmSync(target, { recursive: true, force: true })
  }
}

const waiting = [...bugs]
let caughtCount = 0
async function work(): Promise<void> {
  for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) if (await tryOut(bug)) caughtCount++
}

/** The same machinery without a patch: what it finds then says nothing. */
async function control(workload: string): Promise<boolean> {
  const target = mkdtempSync(path.join(tmpdir(), 'ottla-planted-'))
  try {
    copyTo(target)
    const { ok, output } = await simulate(target, ['--workload', workload, '--seeds', String(CONTROL_SEEDS), '--quiet'])
    console.log(
      ok ? `control of ${workload}: green over ${CONTROL_SEEDS} seeds` : `control of ${workload}: FAILED\n${output}`,
    )
    return ok
  } finally {
    rmSync(target, { recursive: true, force: true })
  }
}

await Promise.all(Array.from({ length: defaultJobs() }, work))
const controls = [...new Set(bugs.map(({ workload }) => workload))]
let greenCount = 0
for (const workload of controls) if (await control(workload)) greenCount++
const passed = caughtCount + greenCount
const failed = bugs.length + controls.length - passed
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
