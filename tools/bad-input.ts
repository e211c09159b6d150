/**
 * Makes every bad input of the broker's tests to one broker process and measures it: what the longest turn of its event
 * loop takes of the processor, what others are answered meanwhile, and what of its memory comes back.
 *
 *   node tools/bad-input.ts                     all of it
 *   node tools/bad-input.ts --only pipelined    the inputs with that in their name, and no crowds
 *   node tools/bad-input.ts --crowd 2000        with that many idle connections in place of 10,000
 *   node tools/bad-input.ts --only-show-turns   fails on outcomes and memory alone: for machines of unknown speed
 *
 * Ends with one line of totals, 0 or 1. Time is processor time of the broker's main thread, so that a busy machine fails
 * nothing: an input that passes the bound is made again, since caches are shared all the same.
 */
import {
  ANNOUNCED_RESIDENT_BYTES_MAX,
  HELD_BYTES_MAX,
  IDLE_CONNECTION_BYTES_MAX,
  RESIDENT_BYTES_MAX,
  RESIDENT_GROWTH_BYTES_MAX,
  TURN_CPU_MS_MAX,
} from '../packages/broker/test/support/bad-input/bounds.ts'
import {
  announcing,
  type CrowdCosts,
  crowdConfig,
  crowdProblem,
  gather,
  type Habit,
  idle,
  openFilesMax,
} from '../packages/broker/test/support/bad-input/crowd.ts'
import { BAD_INPUTS } from '../packages/broker/test/support/bad-input/list.ts'
import { Bystander, play } from '../packages/broker/test/support/bad-input/play.ts'
import type { BadInput } from '../packages/broker/test/support/bad-input/target.ts'
import { BrokerProcess } from '../packages/broker/test/support/broker-process.ts'
import type { Watched } from '../packages/broker/test/support/watched-broker.ts'
import { refuse, toolArguments, wholeNumber } from './arguments.ts'

/** An input fails when its longest turn is over the bound each of these times. */
const TRIES = 3
const ANNOUNCING = 1000

const { values } = toolArguments(import.meta.url, {
  only: { type: 'string' },
  crowd: { type: 'string', default: '10000' },
  'only-show-turns': { type: 'boolean', default: false },
})

let passed = 0
let failed = 0

function judge(name: string, problems: readonly string[]): void {
  if (problems.length === 0) passed++
  else failed++
  for (const problem of problems) console.log(`FAIL ${name}: ${problem}`)
}

const mb = (bytes: number): string => (bytes / 1_000_000).toFixed(1)
const ms = (value: number): string => value.toFixed(1)

function row(name: string, ...cells: readonly (string | number)[]): void {
  console.log(name.padEnd(62) + cells.map((cell) => String(cell).padStart(15)).join(''))
}

/** `bytes` of what is within `most`, or the sentence that it is not. */
function within(what: string, bytes: number, most: number): string[] {
  return bytes <= most ? [] : [`${what} ${mb(bytes)} MB, more than ${mb(most)}`]
}

function tooLong(longestTurnMs: number): string[] {
  return values['only-show-turns'] || longestTurnMs <= TURN_CPU_MS_MAX
    ? []
    : [`a turn took ${ms(longestTurnMs)} ms of the processor`]
}

/** One input, again while its turns are too long; how it came out the last time. */
async function makeOne(input: BadInput, broker: BrokerProcess, bystander: Bystander): Promise<string[]> {
  for (let tries = 1; ; tries++) {
    const before = await broker.ask('measure')
    let answered: number
    try {
      answered = await play(input, broker, bystander)
    } catch (error) {
      return [(error as Error).message]
    }
    const after = await broker.ask('measure')
    row(input.name, input.outcome, answered, ms(after.longestTurnMs), mb(after.heldBytes - before.heldBytes))
    const problems = tooLong(after.longestTurnMs)
    if (problems.length === 0 || tries === TRIES) return problems
  }
}

async function makeAll(inputs: readonly BadInput[]): Promise<void> {
  const broker = await BrokerProcess.start()
  try {
    const bystander = new Bystander(await broker.connect())
    await bystander.ask()
    const fresh = await broker.ask('measure')
    row('input', 'the broker', 'others answered', 'turn ms', 'held MB')
    for (const input of inputs) judge(input.name, await makeOne(input, broker, bystander))
    const rounds = [await broker.ask('measure')]
    // What the first time has warmed up the second must find. What it has left behind is the system's to give back or not,
    // so that a second may differ; a leak differs each time.
    let problems: string[]
    do {
      const before = Math.max(...rounds.map(({ residentBytes }) => residentBytes))
      for (const input of inputs) {
        await play(input, broker, bystander).catch(() => undefined)
        await broker.ask('measure')
      }
      const again = await broker.ask('measure')
      rounds.push(again)
      problems = within('each time the process grows, by', again.residentBytes - before, RESIDENT_GROWTH_BYTES_MAX)
    } while (problems.length > 0 && rounds.length <= TRIES)
    console.log('')
    row('memory', 'held MB', 'resident MB')
    const tell = (when: string, { heldBytes, residentBytes }: Watched): void =>
      row(when, mb(heldBytes), mb(residentBytes))
    tell('before', fresh)
    for (const [i, round] of rounds.entries()) tell(i === 0 ? 'after the list' : 'after the list again', round)
    const last = rounds[rounds.length - 1]
    judge('memory', [
      ...problems,
      ...within('the broker holds', last.heldBytes - fresh.heldBytes, HELD_BYTES_MAX),
      ...within('the process has', last.residentBytes, RESIDENT_BYTES_MAX),
    ])
  } finally {
    await broker.stop()
  }
}

function growth({ before, during }: CrowdCosts): number {
  return during.residentBytes - before.residentBytes
}

/** Crowds come to the same broker one after the other; what the first have left behind the last must find. */
async function crowd(name: string, count: number, habit: Habit, bytesMax: number): Promise<void> {
  const problem = crowdProblem(count)
  if (problem !== null) {
    console.log(`not run: ${name}: ${problem}`)
    return
  }
  const broker = await BrokerProcess.start({ config: crowdConfig(count) })
  try {
    const crowds: CrowdCosts[] = []
    for (let i = 0; i < TRIES; i++) crowds.push(await gather(broker, count, habit, count))
    const [first] = crowds
    console.log('')
    row(name, 'connections', 'others answered', 'turn ms', 'held MB', 'resident MB')
    const tell = (when: string, answered: number | string, told: Watched): void =>
      row(when, told.connections, answered, ms(told.longestTurnMs), mb(told.heldBytes), mb(told.residentBytes))
    tell('before', '', first.before)
    for (const { during, after, othersAnswered } of crowds) {
      tell('with all of them', othersAnswered[0], during)
      tell('without them', othersAnswered[1], after)
    }
    console.log(`${(growth(first) / count / 1000).toFixed(1)} kB of the machine's memory for each`)
    const [before, last] = crowds.slice(-2)
    const shortest = (of: (costs: CrowdCosts) => Watched) => Math.min(...crowds.map((costs) => of(costs).longestTurnMs))
    judge(name, [
      ...within('they take', growth(first), bytesMax),
      ...within('the broker holds', last.after.heldBytes - first.before.heldBytes, HELD_BYTES_MAX),
      ...within(
        'each time the process grows, by',
        last.during.residentBytes - before.during.residentBytes,
        RESIDENT_GROWTH_BYTES_MAX,
      ),
      ...tooLong(shortest(({ during }) => during)),
      ...tooLong(shortest(({ after }) => after)),
      ...crowds.filter(({ othersAnswered }) => othersAnswered[0] === 0).map(() => 'nobody else was answered'),
    ])
  } finally {
    await broker.stop()
  }
}

const inputs = BAD_INPUTS.filter(({ name }) => values.only === undefined || name.includes(values.only))
if (inputs.length === 0) {
  refuse(`no input has ${values.only} in its name`)
}
const crowdSize = wholeNumber('crowd', values.crowd)
console.log(`Node ${process.version}, at most ${openFilesMax()} open files a process`)
await makeAll(inputs)
if (values.only === undefined) {
  await crowd(`${crowdSize} idle connections`, crowdSize, idle, crowdSize * IDLE_CONNECTION_BYTES_MAX)
  await crowd(`${ANNOUNCING} connections that announce 100 MiB`, ANNOUNCING, announcing, ANNOUNCED_RESIDENT_BYTES_MAX)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
