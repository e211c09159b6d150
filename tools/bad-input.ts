/**
 * Makes every bad input of the broker's tests to one broker process and measures it: what the longest turn of its event
 * loop takes of the processor, what others are answered meanwhile, and what of its memory comes back.
 *
 *   node tools/bad-input.ts                     all of it
 *   node tools/bad-input.ts --only pipelined    the inputs with that in their name, and no crowds
 *   node tools/bad-input.ts --crowd 2000        with that many idle connections in place of 10,000
 *
 * Ends with one line of totals, 0 or 1. Time is processor time of the broker's main thread, so that a busy machine fails
 * nothing: an input that passes the bound is made again, since caches are shared all the same.
 */
import { parseArgs } from 'node:util'
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

/** An input fails when its longest turn is over the bound each of these times. */
const TRIES = 3
const ANNOUNCING = 1000

const { values } = parseArgs({
  options: { only: { type: 'string' }, crowd: { type: 'string', default: '10000' } },
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
  return longestTurnMs <= TURN_CPU_MS_MAX ? [] : [`a turn took ${ms(longestTurnMs)} ms of the processor`]
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
    const once = await broker.ask('measure')
    // What the first time has warmed up the second time must find.
    for (const input of inputs) {
      await play(input, broker, bystander).catch(() => undefined)
      await broker.ask('measure')
    }
    const twice = await broker.ask('measure')
    console.log('')
    row('memory', 'held MB', 'resident MB')
    for (const [when, { heldBytes, residentBytes }] of Object.entries({ fresh, once, twice }))
      row(when, mb(heldBytes), mb(residentBytes))
    judge('memory', [
      ...within('the broker holds', once.heldBytes - fresh.heldBytes, HELD_BYTES_MAX),
      ...within(
        'a second time has grown the process by',
        twice.residentBytes - once.residentBytes,
        RESIDENT_GROWTH_BYTES_MAX,
      ),
      ...within('the process has', twice.residentBytes, RESIDENT_BYTES_MAX),
    ])
  } finally {
    await broker.stop()
  }
}

function growth({ before, during }: CrowdCosts): number {
  return during.residentBytes - before.residentBytes
}

/** Two crowds, one after the other, come to the same broker; what the first has left behind the second must find. */
async function crowd(name: string, count: number, habit: Habit, bytesMax: number): Promise<void> {
  const problem = crowdProblem(count)
  if (problem !== null) {
    console.log(`not run: ${name}: ${problem}`)
    return
  }
  const broker = await BrokerProcess.start({ config: crowdConfig(count) })
  try {
    const first = await gather(broker, count, habit)
    const second = await gather(broker, count, habit)
    console.log('')
    row(name, 'connections', 'others answered', 'turn ms', 'held MB', 'resident MB')
    const tell = (when: string, answered: number | string, watched: Watched): void =>
      row(
        when,
        watched.connections,
        answered,
        ms(watched.longestTurnMs),
        mb(watched.heldBytes),
        mb(watched.residentBytes),
      )
    tell('before', '', first.before)
    tell('with all of them', first.othersAnswered[0], first.during)
    tell('without them', first.othersAnswered[1], first.after)
    tell('with as many again', second.othersAnswered[0], second.during)
    tell('without them', second.othersAnswered[1], second.after)
    console.log(`${(growth(first) / count / 1000).toFixed(1)} kB of the machine's memory for each`)
    const turns = [first.during, first.after, second.during, second.after].map(({ longestTurnMs }) => longestTurnMs)
    judge(name, [
      ...within('they take', growth(first), bytesMax),
      ...within('the broker holds', second.after.heldBytes - first.before.heldBytes, HELD_BYTES_MAX),
      ...within(
        'a second time has grown the process by',
        second.during.residentBytes - first.during.residentBytes,
        RESIDENT_GROWTH_BYTES_MAX,
      ),
      // Coming and going, the better of two times each.
      ...tooLong(Math.max(Math.min(turns[0], turns[2]), Math.min(turns[1], turns[3]))),
      ...(first.othersAnswered[0] > 0 && second.othersAnswered[0] > 0 ? [] : ['nobody else was answered']),
    ])
  } finally {
    await broker.stop()
  }
}

const inputs = BAD_INPUTS.filter(({ name }) => values.only === undefined || name.includes(values.only))
if (inputs.length === 0) {
  console.error(`no input has ${values.only} in its name`)
  process.exit(2)
}
const crowdSize = Number(values.crowd)
console.log(`Node ${process.version}, at most ${openFilesMax()} open files a process`)
await makeAll(inputs)
if (values.only === undefined) {
  await crowd(`${crowdSize} idle connections`, crowdSize, idle, crowdSize * IDLE_CONNECTION_BYTES_MAX)
  await crowd(`${ANNOUNCING} connections that announce 100 MiB`, ANNOUNCING, announcing, ANNOUNCED_RESIDENT_BYTES_MAX)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
