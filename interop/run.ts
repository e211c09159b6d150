/**
 * Runs other people's clients against Ottla and against Apache Kafka 4.3.1.
 *
 *     node interop/run.ts                  both brokers; a table client × scenario for each
 *     node interop/run.ts --only-ottla     Ottla alone, compared with outcomes.json (what CI does)
 *     node interop/run.ts --only-kafka     Apache Kafka alone
 *     node interop/run.ts --record         both, or with --only-kafka that one; writes outcomes.json
 *     --clients kcat,java-4.3 --scenarios codec-lz4,admin --verbose
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { refuse, toolArguments } from '../tools/arguments.ts'
import { installApacheKafka, startApacheKafka } from '../tools/peers/apache-kafka.ts'
import { projectDir } from '../tools/peers/folders.ts'
import { startOttla } from '../tools/peers/ottla.ts'
import { exitOnSignals, freePort, type RunningBroker } from '../tools/peers/running-broker.ts'
import { type Client, clients, helperClient } from './clients.ts'
import { Unsupported } from './contract.ts'
import { Crew } from './crew.ts'
import { FrameProxy } from './frame-proxy.ts'
import { Program } from './program.ts'
import { scenarios } from './scenarios/index.ts'
import type { Facts, Scenario } from './scenarios/scenario.ts'

type Outcome = { outcome: 'pass'; facts: Facts } | { outcome: 'fail' | 'n/a'; reason: string }
/** Client, then scenario. */
type Outcomes = Record<string, Record<string, Outcome>>

const { values } = toolArguments(import.meta.url, {
  'only-ottla': { type: 'boolean', default: false },
  'only-kafka': { type: 'boolean', default: false },
  record: { type: 'boolean', default: false },
  clients: { type: 'string' },
  scenarios: { type: 'string' },
  verbose: { type: 'boolean', default: false },
})

function chosen<One extends { name: string }>(what: string, all: readonly One[], names: string | undefined): One[] {
  if (names === undefined) return [...all]
  return names.split(',').map((name) => {
    const found = all.find((one) => one.name === name)
    return found ?? refuse(`no ${what} ${name}: there are ${all.map((one) => one.name).join(', ')}`)
  })
}
const chosenClients = chosen('client', clients, values.clients)
const chosenScenarios = chosen('scenario', scenarios, values.scenarios)
const outcomesFile = join(projectDir, 'interop', 'outcomes.json')

exitOnSignals()
const scratch = mkdtempSync(join(tmpdir(), 'ottla-interop-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
let topics = 0

async function attempt(scenario: Scenario, context: Omit<Parameters<Scenario['run']>[0], 'topic'>): Promise<Outcome> {
  try {
    const facts = await scenario.run({ ...context, topic: () => `${scenario.name}-${topics++}` })
    return { outcome: 'pass', facts }
  } catch (error) {
    const { message } = error as Error
    if (error instanceof Unsupported) return { outcome: 'n/a', reason: message }
    return { outcome: 'fail', reason: message.split('\n').slice(0, 12).join(' ').slice(0, 600) }
  }
}

/** Without this check a dead broker would cost every client's patience in every cell. */
function alive(broker: RunningBroker): boolean {
  try {
    return process.kill(broker.pid, 0)
  } catch {
    return false
  }
}

type Start = (dir: string, proxied: { port: number; advertisedPort: number }) => Promise<RunningBroker>

/** Short timeouts, so that a crash is noticed soon; and no waiting for a group's first members. */
const groupSettings = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': '4000',
  'group.consumer.min.heartbeat.interval.ms': '200',
  'group.consumer.heartbeat.interval.ms': '400',
}

/** Clients whose group scenarios run at the same time. */
const lanes = 3

/** All chosen cells against one broker. */
async function drive(name: string, start: Start): Promise<Outcomes> {
  const proxiedPort = await freePort()
  const proxy = await FrameProxy.listen(() => proxiedPort)
  const broker = await start(join(scratch, name), { port: proxiedPort, advertisedPort: proxy.port })
  const outcomes: Outcomes = Object.fromEntries(chosenClients.map((client) => [client.name, {}]))

  /** The given scenarios of a client, one after the other. */
  async function cells(client: Client, some: Scenario[], helper: Program): Promise<void> {
    if (some.length === 0) return
    const program = new Program(client.command())
    const crew = new Crew(client)
    const startedMs = performance.now()
    for (const scenario of some) {
      const began = performance.now()
      let outcome: Outcome
      if (alive(broker)) outcome = await attempt(scenario, { broker, client: program, crew, helper, proxy })
      else outcome = { outcome: 'fail', reason: 'the broker is gone' }
      await crew.rest()
      outcomes[client.name]![scenario.name] = outcome
      if (values.verbose || outcome.outcome === 'fail') {
        const why = outcome.outcome === 'pass' ? JSON.stringify(outcome.facts) : outcome.reason
        const ms = Math.round(performance.now() - began)
        console.error(`${name}: ${client.name}: ${scenario.name}: ${outcome.outcome} (${ms} ms) ${why}`)
      }
    }
    await crew.close()
    await program.close()
    console.error(`${name}: ${client.name}: ${some.length} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  }

  async function lane(queue: Client[], some: Scenario[]): Promise<void> {
    const helper = new Program(helperClient.command())
    for (let client = queue.shift(); client !== undefined; client = queue.shift()) await cells(client, some, helper)
    await helper.close()
  }

  try {
    await lane(
      [...chosenClients],
      chosenScenarios.filter(({ beside }) => beside === undefined),
    )
    const queue = [...chosenClients]
    const withOthers = chosenScenarios.filter(({ beside }) => beside === true)
    await Promise.all(Array.from({ length: lanes }, () => lane(queue, withOthers)))
  } finally {
    await broker.stop()
    await proxy.close()
  }
  return outcomes
}

function printTable(title: string, outcomes: Outcomes): void {
  const width = Math.max(...chosenScenarios.map((scenario) => scenario.name.length))
  const columns = chosenClients.map((client) => client.name)
  console.log(`\n${title}\n${''.padEnd(width)}  ${columns.join('  ')}`)
  const notes: string[] = []
  for (const { name } of chosenScenarios) {
    const cells = columns.map((client) => {
      const cell = outcomes[client]![name]!
      if (cell.outcome !== 'pass') notes.push(`${client}, ${name}: ${cell.outcome}: ${cell.reason}`)
      return cell.outcome.padEnd(client.length)
    })
    console.log(`${name.padEnd(width)}  ${cells.join('  ')}`)
  }
  for (const note of notes) console.log(`  ${note}`)
}

/** A cell is good when it passed, or when it came out just as against Apache Kafka. */
function differs(ours: Outcome, theirs: Outcome | undefined): string | undefined {
  if (theirs === undefined) return ours.outcome === 'fail' ? ours.reason : undefined
  if (ours.outcome !== theirs.outcome) {
    return `${ours.outcome}${ours.outcome === 'pass' ? '' : ` (${ours.reason})`}, with Apache Kafka ${theirs.outcome}`
  }
  if (ours.outcome === 'pass' && theirs.outcome === 'pass' && !isDeepStrictEqual(ours.facts, theirs.facts)) {
    return `${JSON.stringify(ours.facts)}, with Apache Kafka ${JSON.stringify(theirs.facts)}`
  }
  return undefined
}

const needed = new Map<string, Client>([helperClient, ...chosenClients].map((client) => [client.name, client]))
for (const client of needed.values()) await client.install()

let kafka: Outcomes | undefined
if (!values['only-ottla']) {
  await installApacheKafka('4.3.1')
  kafka = await drive('Apache Kafka', (dir, proxied) =>
    startApacheKafka({ version: '4.3.1', dir, proxied, set: groupSettings }),
  )
  printTable('Apache Kafka 4.3.1', kafka)
}
const recorded = readOutcomes()
if (values.record && kafka !== undefined) {
  // Cells that this run did not touch stay as they are.
  for (const [client, cells] of Object.entries(kafka)) recorded[client] = { ...recorded[client], ...cells }
  const ordered: Outcomes = {}
  for (const { name } of clients) {
    const cells = recorded[name]
    if (cells === undefined) continue
    ordered[name] = {}
    for (const scenario of scenarios) {
      const cell = cells[scenario.name]
      if (cell !== undefined) ordered[name][scenario.name] = cell
    }
  }
  writeFileSync(outcomesFile, `${JSON.stringify(ordered, null, 2)}\n`)
  console.log(`\nwritten to interop/outcomes.json`)
}

function readOutcomes(): Outcomes {
  try {
    return JSON.parse(readFileSync(outcomesFile, 'utf8')) as Outcomes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

let passed = 0
let failed = 0
let skipped = 0
if (values['only-kafka']) {
  for (const cells of Object.values(kafka!)) {
    for (const { outcome } of Object.values(cells)) {
      if (outcome === 'pass') passed++
      else if (outcome === 'fail') failed++
      else skipped++
    }
  }
} else {
  const ottla = await drive('Ottla', (dir, proxied) => startOttla({ dir, proxied, set: groupSettings }))
  printTable('Ottla', ottla)
  const reference = kafka ?? recorded
  const differences: string[] = []
  for (const { name: client } of chosenClients) {
    for (const { name: scenario } of chosenScenarios) {
      const difference = differs(ottla[client]![scenario]!, reference[client]?.[scenario])
      if (difference === undefined && ottla[client]![scenario]!.outcome === 'n/a') skipped++
      else if (difference === undefined) passed++
      else {
        failed++
        differences.push(`${client}, ${scenario}: ${difference}`)
      }
    }
  }
  if (differences.length > 0) console.log(`\nOther than with Apache Kafka:\n  ${differences.join('\n  ')}`)
}
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed === 0 ? 0 : 1)
