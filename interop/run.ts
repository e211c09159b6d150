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
import { FrameProxy } from './frame-proxy.ts'
import { Program } from './program.ts'
import { type Facts, type Scenario, scenarios } from './scenarios.ts'

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

/** All chosen cells against one broker. */
async function drive(name: string, start: Start): Promise<Outcomes> {
  const proxiedPort = await freePort()
  const proxy = await FrameProxy.listen(() => proxiedPort)
  const broker = await start(join(scratch, name), { port: proxiedPort, advertisedPort: proxy.port })
  const helper = new Program(helperClient.command())
  const outcomes: Outcomes = {}
  try {
    for (const client of chosenClients) {
      outcomes[client.name] = {}
      const program = new Program(client.command())
      const startedMs = performance.now()
      for (const scenario of chosenScenarios) {
        const began = performance.now()
        const outcome: Outcome = alive(broker)
          ? await attempt(scenario, { broker, client: program, helper, proxy })
          : { outcome: 'fail', reason: 'the broker is gone' }
        outcomes[client.name]![scenario.name] = outcome
        if (values.verbose || outcome.outcome === 'fail') {
          const why = outcome.outcome === 'pass' ? JSON.stringify(outcome.facts) : outcome.reason
          const ms = Math.round(performance.now() - began)
          console.error(`${name}: ${client.name}: ${scenario.name}: ${outcome.outcome} (${ms} ms) ${why}`)
        }
      }
      await program.close()
      console.error(`${name}: ${client.name}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
    }
  } finally {
    await helper.close()
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
  kafka = await drive('Apache Kafka', (dir, proxied) => startApacheKafka({ version: '4.3.1', dir, proxied }))
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
  const ottla = await drive('Ottla', (dir, proxied) => startOttla({ dir, proxied }))
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
