import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startBroker } from '../src/index.ts'
import { ottla } from './support/run.ts'

let dir: string
let partition: string

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ottla-dump-'))
  await using broker = await startBroker({ dir, topics: { dumped: { configs: { 'retention.ms': -1 } } } })
  const kafka = await broker.kafka()
  const producer = kafka.producer({ compression: 'zstd' })
  await producer.sendAll('dumped', [
    { key: 'a', value: '1', timestamp: 1_700_000_000_000 },
    { key: null, value: null, timestamp: 1_700_000_000_001 },
  ])
  await producer.send('dumped', { value: '3', timestamp: 1_700_000_000_002 })
  partition = join(dir, 'dumped-0')
})

after(() => rmSync(dir, { recursive: true }))

const segment = () => join(partition, '00000000000000000000.log')

test('batches and records of a segment', async () => {
  const { stdout, code } = await ottla(['log', 'dump', segment(), '-o', 'jsonl'])
  assert.equal(code, 0)
  const batches = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    batches.map((b) => [b.position === 0, b.baseOffset, b.lastOffset, b.records, b.codec, b.baseSequence, b.problem]),
    [
      [true, 0, 1, 2, 'zstd', 0, null],
      [false, 2, 2, 1, 'zstd', 2, null],
    ],
  )
  const records = await ottla(['log', 'dump', segment(), '--records'])
  assert.equal(
    records.stdout,
    '0\t2023-11-14T22:13:20.000Z\ta\t1\n1\t2023-11-14T22:13:20.001Z\t-\t-\n2\t2023-11-14T22:13:20.002Z\t-\t3\n',
  )
  const formatted = await ottla(['log', 'dump', segment(), '-f', '%t-%p %o %v\\n'])
  assert.equal(formatted.stdout, 'dumped-0 0 1\ndumped-0 1 \ndumped-0 2 3\n')
  const facts = await ottla(['log', 'dump', segment(), '-f', '%x %y %a{compression} %a{control-bit;bool}\n'])
  assert.match(facts.stdout, /^(\d+ 0 zstd false\n){3}$/)
  const bounds = await ottla(['log', 'dump', segment(), '-f', '%]'])
  assert.deepEqual([bounds.code, bounds.stdout], [2, ''])
  assert.match(bounds.stderr, /^ottla: -f: .+ known to a broker, not to a file\n$/)
})

test('JSON is one list, whatever was asked for', async () => {
  const list = async (...args: string[]) => JSON.parse((await ottla(['log', 'dump', '-o', 'json', ...args])).stdout)
  const offsets = (await list(segment(), '--records')).map((r: { offset: number }) => r.offset)
  assert.deepEqual(offsets, [0, 1, 2])
  const rows: { file: string }[] = await list(partition)
  assert.ok(rows.some(({ file }) => file === segment()) && rows.some(({ file }) => !file.endsWith('.log')))
  assert.deepEqual(await list(partition, '--check'), [])
  const cut = join(dir, '00000000000000000009.log')
  copyFileSync(segment(), cut)
  appendFileSync(cut, 'x')
  const [{ file, problem, position }] = await list(cut, '--check')
  assert.deepEqual([file, typeof position], [cut, 'number'])
  assert.match(problem, /no whole batch/)
  const numbered = await ottla(['log', 'dump', segment(), '-f', '%i '])
  assert.equal(numbered.stdout, '1 2 3 ')
  assert.equal((await ottla(['log', 'dump', '--check', partition, '-o', 'yaml'])).stdout, '[]\n')
})

test('every file of a partition, in tables', async () => {
  const { stdout, stderr, code } = await ottla(['log', 'dump', partition])
  assert.deepEqual([stderr, code], ['', 0])
  for (const file of readdirSync(partition).filter((f) => /\.(log|index|timeindex|snapshot)$/.test(f))) {
    assert.ok(stdout.includes(file), file)
  }
  assert.match(stdout, /topic_id/)
})

test('what is torn or damaged is told, with exit code 1', async () => {
  const torn = join(dir, '00000000000000000000.log')
  copyFileSync(segment(), torn)
  appendFileSync(torn, Buffer.alloc(100))
  const preallocated = await ottla(['log', 'dump', '--check', torn])
  assert.equal(preallocated.code, 1)
  assert.match(preallocated.stderr, /100 bytes from position \d+ on are zero \(preallocated\)\n$/)
  appendFileSync(torn, 'x')
  assert.match((await ottla(['log', 'dump', '--check', torn])).stderr, /are no whole batch \(torn or corrupt\)\n$/)
  assert.equal((await ottla(['log', 'dump', '--check', partition])).stdout, 'nothing is wrong\n')
  writeFileSync(join(dir, 'x.txt'), 'x')
  const other = await ottla(['log', 'dump', join(dir, 'x.txt')])
  assert.deepEqual([other.code, other.stdout], [2, ''])
  const missing = await ottla(['log', 'dump', join(dir, 'no.log')])
  assert.deepEqual([missing.code, missing.stderr], [4, `ottla: no such file: ${join(dir, 'no.log')}\n`])
})
