/**
 * The files of one are the files of the other: Apache Kafka's DumpLogSegments reads what we wrote, also after a
 * `kill -9`, and we open a directory that Apache Kafka wrote, untouched until `--adopt`. Ends with `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runKafkaTool, startApacheKafka } from '../peers/apache-kafka.ts'
import { kcatProgram } from '../peers/kcat.ts'
import { ottlaCommand, startOttla } from '../peers/ottla.ts'
import type { RunningBroker } from '../peers/running-broker.ts'

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const RECORDS = 5000
const KCAT_TIMEOUT_MS = 60_000

let passed = 0
let failed = 0

function check(name: string, problem: string | null): void {
  if (problem === null) passed++
  else failed++
  console.log(problem === null ? `ok   ${name}` : `FAIL ${name}: ${problem}`)
}

function kcat(broker: RunningBroker, args: readonly string[], input?: string): string {
  const done = spawnSync(kcatProgram(), ['-b', broker.bootstrap, ...args], {
    input,
    encoding: 'utf8',
    timeout: KCAT_TIMEOUT_MS,
    maxBuffer: 1 << 28,
  })
  if (done.status !== 0) throw new Error(`kcat ${args.join(' ')}: ${done.stderr.slice(0, 300)}`)
  return done.stdout
}

const lines = Array.from({ length: RECORDS }, (_, i) => `key-${i % 97}:value-${i}-${'x'.repeat(i % 50)}`)

function produceAll(broker: RunningBroker): void {
  const input = `${lines.join('\n')}\n`
  // Small batches, so that there are several segments to look into.
  const batching = ['-X', 'batch.num.messages=200']
  for (const codec of CODECS) kcat(broker, ['-P', '-t', codec, '-z', codec, '-K:', '-p', '0', ...batching], input)
}

function consumed(broker: RunningBroker, topic: string): string[] {
  return kcat(broker, ['-C', '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-q', '-K:']).split('\n').slice(0, -1)
}

function difference(got: readonly string[]): string | null {
  if (got.length !== lines.length) return `${got.length} records instead of ${lines.length}`
  const at = got.findIndex((line, i) => line !== lines[i])
  return at < 0 ? null : `record ${at} is ${got[at]} instead of ${lines[at]}`
}

/** Every file below a folder with its content, so that any change shows. */
function fingerprint(dir: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(dir, { recursive: true }).map(String).sort()) {
    const path = join(dir, name)
    hash.update(name)
    if (statSync(path).isFile()) hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

function dump(files: readonly string[], args: readonly string[]): Promise<string> {
  return runKafkaTool('org.apache.kafka.tools.DumpLogSegments', [...args, '--files', files.join(',')])
}

async function kafkaReadsOurs(dir: string): Promise<void> {
  let broker = await startOttla({ dir, set: { 'log.segment.bytes': '65536' } })
  produceAll(broker)
  await broker.kill()
  broker = await startOttla({ dir, port: broker.port, set: { 'log.segment.bytes': '65536' } })
  for (const codec of CODECS) check(`${codec}: every record after kill -9`, difference(consumed(broker, codec)))
  await broker.stop()
  for (const codec of CODECS) {
    const folder = join(broker.dataDir, `${codec}-0`)
    const files = readdirSync(folder)
      .filter((name) => name.endsWith('.log'))
      .sort()
    const text = await dump(
      files.map((name) => join(folder, name)),
      ['--deep-iteration', '--print-data-log'],
    )
    const records = (text.match(/^\| offset: /gm) ?? []).length
    const problem = records === RECORDS ? null : `${records} of ${RECORDS} records`
    check(`${codec}: DumpLogSegments reads ${files.length} segments`, problem)
    check(`${codec}: and finds them valid`, /isvalid: false/.test(text) ? 'a batch is invalid' : null)
  }
  const folder = join(broker.dataDir, 'none-0')
  for (const suffix of ['.index', '.timeindex']) {
    const name = readdirSync(folder)
      .filter((file) => file.endsWith(suffix))
      .sort()[0]
    const text = await dump([join(folder, name)], ['--index-sanity-check'])
    check(`${name} passes the sanity check`, text.includes('passed sanity check') ? null : text.slice(0, 300))
  }
}

async function weReadKafkas(dir: string): Promise<void> {
  const kafka = await startApacheKafka({ dir })
  produceAll(kafka)
  await kafka.stop()
  const before = fingerprint(kafka.dataDir)
  const refused = spawnSync(process.execPath, [ottlaCommand, 'start', '--port', '0', '--dir', kafka.dataDir], {
    encoding: 'utf8',
  })
  check(
    'a directory of Apache Kafka is refused without --adopt',
    refused.status === 1 && refused.stderr.includes('--adopt') ? null : `exit ${refused.status}: ${refused.stderr}`,
  )
  check('and is not touched', fingerprint(kafka.dataDir) === before ? null : 'files have changed')
  const broker = await startOttla({ dir, dataDir: kafka.dataDir, adopt: true })
  for (const codec of CODECS) check(`${codec}: adopted, every record`, difference(consumed(broker, codec)))
  kcat(broker, ['-P', '-t', 'none', '-p', '0'], 'one more\n')
  const last = kcat(broker, ['-C', '-t', 'none', '-p', '0', '-o', String(RECORDS), '-e', '-q']).trim()
  check('an adopted topic is written on', last === 'one more' ? null : `read ${last}`)
  await broker.stop()
}

const work = mkdtempSync(join(tmpdir(), 'ottla-files-'))
try {
  await kafkaReadsOurs(join(work, 'ours'))
  await weReadKafkas(join(work, 'kafka'))
} catch (error) {
  check('the run', (error as Error).message)
} finally {
  rmSync(work, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
