/** The examples do what they say, against a broker in this process. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startBroker, type TestBroker } from 'ottla'

const folder = new URL('..', import.meta.url).pathname
const work = mkdtempSync(join(tmpdir(), 'ottla-examples-'))
let broker: TestBroker

before(async () => {
  broker = await startBroker({ topics: { orders: { partitions: 4 } } })
})

after(async () => {
  await broker.close()
  rmSync(work, { recursive: true })
})

/** Runs one example to its end; resolves with the lines it printed. */
function example(name: string, ...args: string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, OTTLA_BOOTSTRAP: broker.bootstrap }
    const child = spawn(process.execPath, [join(folder, name), ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(stdout.trimEnd().split('\n'))
      else reject(new Error(`${name} ended with ${code}`))
    })
  })
}

test('produce writes, consume adds up what was written', async () => {
  const [written] = await example('produce.ts')
  assert.match(written, /^wrote 100 orders to [1-4] partition\(s\)$/)
  const expected = new Map<string, number>()
  for (let id = 0; id < 100; id++) {
    const customer = `customer-${id % 7}`
    expected.set(customer, (expected.get(customer) ?? 0) + ((id * 37) % 100))
  }
  assert.deepEqual(
    await example('consume.ts'),
    [...expected].map(([customer, total]) => `${customer}: ${total}`),
  )
})

test('own-offsets goes on where it stopped', async () => {
  const file = join(work, 'offsets.json')
  const first = await example('own-offsets.ts', file)
  assert.equal(first.at(-1), '100 new orders')
  assert.equal(new Set(first).size, 101)
  assert.deepEqual(await example('own-offsets.ts', file), ['0 new orders'])
  await example('produce.ts')
  assert.equal((await example('own-offsets.ts', file)).at(-1), '100 new orders')
  const offsets = Object.values(JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>)
  assert.equal(
    offsets.reduce((sum, offset) => sum + offset, 0),
    200,
  )
})

test('admin makes a topic and shows what was set, also the second time', async () => {
  const lines = await example('admin.ts')
  assert.deepEqual(lines.filter((line) => line.includes('=')).sort(), [
    'cleanup.policy=compact',
    'max.message.bytes=2000000',
    'min.cleanable.dirty.ratio=0.1',
  ])
  assert.ok(lines.includes('prices: 3 partition(s)'))
  assert.deepEqual(await example('admin.ts'), lines)
})

test('every example is listed on their page', () => {
  const page = readFileSync(join(folder, 'README.md'), 'utf8')
  for (const name of globSync('*.ts', { cwd: folder })) assert.ok(page.includes(`](${name})`), name)
})
