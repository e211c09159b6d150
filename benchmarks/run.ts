/**
 * Measures Ottla beside Apache Kafka 4.3.1 with the same drivers, alternating.
 *
 *     node benchmarks/run.ts [--only TEXT]... [--rounds 5] [--brokers ottla,kafka] [--minutes 25]
 *         [--list] [--short] [--plain-memory] [--out FOLDER]
 *
 * `--short` lets rows that can (of groups, transactions and ConsumerPerformance) do as little as shows that their results are
 * right: the figures are worth nothing then.
 *
 * In a virtual machine that gives free memory back to its host, most of the memory is held meanwhile: see
 * `steady-memory.ts`; `--plain-memory` leaves it alone.
 *
 * Prints a Markdown table, writes the samples to `out/benchmarks.json` and the table to `out/benchmarks.md`. When
 * the time is nearly over no further rounds begin; each row says how many it had. Ends with 1 when a row could not be
 * measured, never because of a figure.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toolArguments } from '../tools/arguments.ts'
import { installApacheKafka } from '../tools/peers/apache-kafka.ts'
import { projectDir } from '../tools/peers/folders.ts'
import { installGoProgram } from '../tools/peers/go.ts'
import { exitOnSignals, type RunningBroker } from '../tools/peers/running-broker.ts'
import { type Contender, contenders, startContender } from './contenders.ts'
import { markdown } from './report.ts'
import { Collector, commit, judge, machine, type Results } from './results.ts'
import type { OwnRow, RowContext, Samples, SharedRow } from './row.ts'
import { compactionRows } from './rows/compaction.ts'
import { groupRows } from './rows/groups.ts'
import { latencyRows } from './rows/latency.ts'
import { lifecycleRows } from './rows/lifecycle.ts'
import { partitionRows } from './rows/partitions.ts'
import { startRows } from './rows/start.ts'
import { throughputRows } from './rows/throughput.ts'
import { transactionRows } from './rows/transactions.ts'
import { holdMemory } from './steady-memory.ts'

const allRows = [
  ...throughputRows,
  ...latencyRows,
  ...transactionRows,
  ...groupRows,
  ...startRows,
  ...lifecycleRows,
  ...partitionRows,
  ...compactionRows,
]

const { values } = toolArguments(import.meta.url, {
  only: { type: 'string', multiple: true },
  rounds: { type: 'string', default: '5' },
  minutes: { type: 'string', default: '25' },
  brokers: { type: 'string', default: contenders.join(',') },
  list: { type: 'boolean', default: false },
  short: { type: 'boolean', default: false },
  'plain-memory': { type: 'boolean', default: false },
  out: { type: 'string', default: join(projectDir, 'out') },
})

const rounds = Number(values.rounds)
const minutes = Number(values.minutes)
const chosen = contenders.filter((contender) => values.brokers.split(',').includes(contender))
const rows = allRows.filter((row) => values.only === undefined || values.only.some((text) => row.id.includes(text)))
if (values.list) {
  for (const row of allRows) console.log(row.id)
  process.exit(0)
}
if (rows.length === 0 || chosen.length === 0 || !Number.isInteger(rounds) || rounds < 1 || !(minutes > 0)) {
  console.error('nothing to measure: see --list for rows; --rounds is a whole number; --brokers ottla,kafka')
  process.exit(1)
}

exitOnSignals()
const startedMs = performance.now()
const scratch = mkdtempSync(join(tmpdir(), 'ottla-bench-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
const collector = new Collector()
let names = 0

/** What rows on shared brokers may take of the whole time. */
const sharedShare = 0.55
const late = (share: number) => (performance.now() - startedMs) / 60_000 > minutes * share

function context(contender: Contender, round: number, row: string): RowContext {
  const kept = join(scratch, `kept-${contender}-${row.replaceAll(/\W+/g, '-')}`)
  return {
    contender,
    round,
    short: values.short,
    topic: () => `bench-${names++}`,
    folder: () => join(scratch, `${contender}-${names++}`),
    keptFolder: kept,
  }
}

/** Measures one row once; a failure is noted and does not stop the others. */
async function once(row: string, contender: Contender, round: number, measure: () => Promise<Samples>): Promise<void> {
  const began = performance.now()
  try {
    const samples = await measure()
    if (round >= 0) collector.add(row, contender, samples)
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    console.error(`${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${contender}: ${row}: ${seconds} s`)
  } catch (error) {
    collector.fail(row, contender, (error as Error).message)
    console.error(
      `${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${contender}: ${row}: FAILED: ${(error as Error).message}`,
    )
  }
}

/** The order changes every round, so that neither always has the quieter machine. */
const inOrder = (round: number) => (round % 2 === 0 ? chosen : [...chosen].reverse())
const failedRow = (row: string, contender: Contender) =>
  collector.failures.some((failure) => failure.row === row && failure.contender === contender)

async function measureShared(shared: SharedRow[]): Promise<void> {
  if (shared.length === 0) return
  const running = new Map<Contender, RunningBroker>()
  try {
    for (const contender of chosen) {
      running.set(contender, await startContender(contender, join(scratch, `shared-${contender}`)))
    }
    // One round of the first rows and of those that ask for it warms both up, most of all the compilers of the JVM.
    const warm = shared.filter((row, index) => index < 8 || row.warmUp === true)
    for (let round = -1; round < rounds; round++) {
      if (round > 0 && late(sharedShare)) break
      for (const row of round < 0 ? warm : shared) {
        if (round >= (row.atMostRounds ?? rounds)) continue
        for (const contender of inOrder(round + 1)) {
          if (failedRow(row.id, contender)) continue
          const broker = running.get(contender)!
          await once(row.id, contender, round, () => row.measure(broker, context(contender, round, row.id)))
        }
      }
    }
  } finally {
    for (const broker of running.values()) await broker.stop()
  }
  for (const contender of chosen) rmSync(join(scratch, `shared-${contender}`), { recursive: true, force: true })
}

async function measureOwn(row: OwnRow): Promise<void> {
  for (let round = 0; round < Math.min(rounds, row.atMostRounds ?? rounds); round++) {
    if (round > 0 && late(row.untilShare)) break
    for (const contender of inOrder(round)) {
      if (failedRow(row.id, contender)) continue
      const folders: string[] = []
      const plain = context(contender, round, row.id)
      const noted: RowContext = {
        ...plain,
        folder: () => {
          const folder = plain.folder()
          folders.push(folder)
          return folder
        },
      }
      await once(row.id, contender, round, () => row.measure(contender, noted))
      for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    }
  }
}

await installApacheKafka('4.3.1')
await installGoProgram('bench-driver')
const held = values['plain-memory'] ? undefined : await holdMemory()
await measureShared(rows.filter((row) => row.kind === 'shared'))
for (const row of rows) if (row.kind === 'own') await measureOwn(row)
await held?.[Symbol.asyncDispose]()

const results: Results = {
  command: ['node benchmarks/run.ts', ...process.argv.slice(2)].join(' '),
  commit: commit(),
  machine: `${machine()}${held === undefined ? '' : ', with steady memory'}`,
  rounds,
  minutes: (performance.now() - startedMs) / 60_000,
  metrics: collector.metrics,
  failures: collector.failures,
}
mkdirSync(values.out, { recursive: true })
writeFileSync(join(values.out, 'benchmarks.json'), `${JSON.stringify(results, null, 2)}\n`)
const table = markdown(results)
writeFileSync(join(values.out, 'benchmarks.md'), table)
console.log(table)
const verdicts = results.metrics.map((metric) => judge(metric, results.metrics).met)
const met = verdicts.filter((verdict) => verdict === true).length
const missed = verdicts.filter((verdict) => verdict === false).length
console.log(`figures: ${met} met, ${missed} missed`)
const measured = rows.length * chosen.length - collector.failures.length
console.log(`${measured} passed, ${collector.failures.length} failed`)
process.exit(collector.failures.length === 0 ? 0 : 1)
