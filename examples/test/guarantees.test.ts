/**
 * What the examples promise, kept while they are killed: each is started, killed with SIGKILL when it has said so many lines, and
 * started again, at points that a seed draws; then it runs to the end of the topic, and what it did is counted.
 *
 *     OTTLA_KILLS=20 OTTLA_SEED=7 node --test examples/test/guarantees.test.ts
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { Kafka } from '@ottla/client'
import { startBroker, type TestBroker } from 'ottla'

const folder = new URL('..', import.meta.url).pathname
const work = mkdtempSync(join(tmpdir(), 'ottla-guarantees-'))
const kills = Number(process.env.OTTLA_KILLS ?? 3)
const seed = Number(process.env.OTTLA_SEED ?? 1)
const PARTITIONS = 3
const ORDERS = 300
let broker: TestBroker
let kafka: Kafka

before(async () => {
  const topics = { orders: { partitions: PARTITIONS }, invoices: {} }
  broker = await startBroker({ topics })
  kafka = new Kafka({ bootstrap: broker.bootstrap })
  // Small batches, so that there are many moments at which to die.
  const producer = kafka.producer({ lingerMs: 0 })
  for (let id = 0; id < ORDERS; id++) {
    const value = JSON.stringify({ id, amount: id })
    await producer.send('orders', { key: `customer-${id % 7}`, value, partition: id % PARTITIONS })
  }
  await producer.close()
})

after(async () => {
  await kafka.close()
  await broker.close()
  rmSync(work, { recursive: true })
})

/** Draws the same numbers for the same seed (mulberry32). */
function drawer(from: number): (below: number) => number {
  let state = from >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** Runs a program until it has said `lines` lines, and kills it then; the lines, at least those. */
function runAndKill(
  name: string,
  args: readonly string[],
  isEnough: (lines: readonly string[]) => boolean,
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, OTTLA_BOOTSTRAP: broker.bootstrap }
    const child = spawn(process.execPath, [join(folder, name), ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk
      if (isEnough(linesOf(text))) child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(linesOf(text))
      else reject(new Error(`${name} ended by itself with ${code}`))
    })
  })
}

function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1)
}

/**
 * All lines of a program that is killed `kills` times, after one to `most` lines each time, and once more when `isDone` says so of
 * all its lines.
 */
async function survive(
  t: { diagnostic(text: string): void },
  name: string,
  args: readonly string[],
  most: number,
  isDone: (lines: readonly string[]) => boolean,
): Promise<string[]> {
  const draw = drawer(seed)
  const all: string[] = []
  const points: number[] = []
  for (let i = 0; i < kills && !isDone(all); i++) {
    const point = 1 + draw(most)
    points.push(point)
    all.push(...(await runAndKill(name, args, (lines) => lines.length >= point || isDone([...all, ...lines]))))
  }
  if (!isDone(all)) all.push(...(await runAndKill(name, args, (lines) => isDone([...all, ...lines]))))
  t.diagnostic(`seed ${seed}, killed after ${points.join(', ')} lines`)
  return all
}

/** Orders by how often they were worked on. */
function times(lines: readonly string[]): Map<number, number> {
  const count = new Map<number, number>()
  for (const line of lines) {
    const { id } = JSON.parse(line.slice(line.indexOf('{')))
    count.set(id, (count.get(id) ?? 0) + 1)
  }
  return count
}

const most = Math.floor(ORDERS / (kills + 2))

test('at most once: nothing twice, and no more missed than it was killed', async (t) => {
  // The last order of each partition tells that there is nothing left.
  const isDone = (lines: readonly string[]): boolean => {
    const ends = new Set(lines.map((line) => line.split(' ')[0]))
    return Array.from({ length: PARTITIONS }, (_, p) => `${p}/${ORDERS / PARTITIONS - 1}`).every((end) => ends.has(end))
  }
  const seen = times(await survive(t, 'at-most-once.ts', [], most, isDone))
  assert.ok([...seen.values()].every((count) => count === 1))
  assert.ok(seen.size >= ORDERS - kills, `${ORDERS - seen.size} of ${ORDERS} were missed in ${kills} kills`)
})

for (const way of ['auto', 'sync', 'async', 'mixed']) {
  test(`at least once, committed ${way}: nothing is missed`, async (t) => {
    const isDone = (lines: readonly string[]): boolean => times(lines).size === ORDERS
    const lines = await survive(t, 'at-least-once.ts', [way], most, isDone)
    const seen = times(lines)
    assert.equal(seen.size, ORDERS)
    t.diagnostic(`${lines.length - ORDERS} of ${ORDERS} came again`)
    // Committed after each order, only the one in hand comes again.
    if (way === 'sync') assert.ok(lines.length <= ORDERS + kills, `${lines.length} for ${ORDERS}`)
    // In its partition each comes behind the one before, but for where it began again.
    const next = new Map<string, number>()
    for (const line of lines) {
      const [partition, offset] = line.split(' ')[0].split('/')
      assert.ok(Number(offset) <= (next.get(partition) ?? 0), `${line}: nothing may be passed over`)
      next.set(partition, Number(offset) + 1)
    }
  })
}

/** Of each partition, the last offset that was told of. */
function reachedEnds(lines: readonly string[]): boolean {
  const last = new Map<string, number>()
  for (const line of lines) {
    const [, partition, offset] = /orders-(\d+) up to (\d+)/.exec(line)!
    last.set(partition, Math.max(last.get(partition) ?? -1, Number(offset)))
  }
  const ends = [...last.values()].filter((offset) => offset === ORDERS / PARTITIONS - 1)
  return ends.length === PARTITIONS
}

test('exactly once inside Kafka: one invoice for each order', async (t) => {
  await survive(t, 'exactly-once.ts', [], most, reachedEnds)
  const values: string[] = []
  const [{ offset: until }] = await kafka.admin.topicOffsets('invoices', 'latest')
  const reader = kafka.consumer({ assign: [{ topic: 'invoices', until }], isolation: 'read_committed' })
  for await (const { value } of reader) values.push(String(value))
  const expected = Array.from({ length: ORDERS }, (_, id) => `invoice for ${JSON.stringify({ id, amount: id })}`)
  assert.deepEqual(values.sort(), expected.sort())
})

test('exactly once into a database: every amount is in the totals once', async (t) => {
  const file = join(work, 'totals.db')
  await survive(t, 'exactly-once-sql.ts', [file], most, reachedEnds)
  const db = new DatabaseSync(file)
  const rows = db.prepare('SELECT customer, amount FROM totals ORDER BY customer').all()
  db.close()
  const expected = Array.from({ length: 7 }, (_, i) => {
    const ids = Array.from({ length: ORDERS }, (_, id) => id).filter((id) => id % 7 === i)
    return { customer: `customer-${i}`, amount: ids.reduce((sum, id) => sum + id, 0) }
  })
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    expected,
  )
})
