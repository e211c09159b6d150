import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dice } from './support/random.ts'
import { batchOf, type ReadRecord, type RecordInput, recordsIn, World } from './support/world.ts'

/** `SEEDS=1 FROM=42 node --test …` repeats one. */
const SEEDS = 30
const STEPS = 120

/** What the log should hold. */
interface Model {
  records: ReadRecord[]
  start: number
  end: number
}

/** Random appends, reads, rolls, truncations, deletions, restarts and kills; after each the log must be what the model is. */
async function run(seed: number): Promise<void> {
  const dice = new Dice(seed)
  const world = new World({
    seed,
    config: {
      segmentBytes: dice.pick([2000, 4096, 20_000]),
      indexIntervalBytes: dice.pick([1, 256, 4096]),
      flushMessages: dice.pick([1, 10, Number.POSITIVE_INFINITY]),
      preallocate: dice.chance(0.2),
      fileDeleteDelayMs: 10,
    },
    manager: { tailBytesMax: dice.pick([0, 2000, 1 << 20]), openFilesMax: dice.pick([2, 64]) },
  })
  const model: Model = { records: [], start: 0, end: 0 }
  let timestamp = 1000
  world.createLog()

  const append = (): void => {
    const log = world.log()
    const inputs: RecordInput[] = Array.from({ length: dice.between(1, 4) }, () => ({
      key: dice.chance(0.5) ? `k${dice.below(5)}` : null,
      value: 'v'.repeat(dice.below(300)),
      timestamp: (timestamp += dice.between(-20, 30)),
    }))
    const result = world.append(log, batchOf(inputs, undefined, dice.pick([0, 0, 1, 3])), {
      leaderEpoch: world.log().latestEpoch + (dice.chance(0.05) ? 1 : 0),
    })
    assert.equal(result.errorCode, 0)
    assert.equal(result.baseOffset, model.end)
    for (const [i, { key = null, value = null, timestamp = 0 }] of inputs.entries())
      model.records.push({ offset: model.end + i, key, value, timestamp })
    model.end += inputs.length
  }

  const check = (): void => {
    const log = world.log()
    assert.equal(log.offline, null)
    assert.equal(log.appendEndOffset, model.end)
    assert.equal(log.writtenEndOffset, model.end)
    assert.equal(log.logStartOffset, model.start)
    const visible = model.records.filter((record) => record.offset >= model.start)
    const from = dice.between(model.start, model.end)
    assert.deepEqual(
      readAll(world, from, dice.between(100, 3000)),
      visible.filter((r) => r.offset >= from),
    )
    const at = timestamp - dice.between(-50, 600)
    const expected = visible.find((record) => record.timestamp >= at)
    const found = log.fetchOffsetByTimestamp(at)
    assert.deepEqual(
      found && [found.offset, found.timestampMs],
      expected ? [expected.offset, expected.timestamp] : null,
    )
    const newest = visible.reduce<ReadRecord | null>(
      (best, r) => (best === null || r.timestamp > best.timestamp ? r : best),
      null,
    )
    assert.equal(log.fetchMaxTimestamp()?.offset, newest?.offset)
  }

  for (let step = 0; step < STEPS; step++) {
    const draw = dice.below(100)
    if (draw < 60) {
      for (let i = dice.between(1, 6); i > 0; i--) append()
    } else if (draw < 65) {
      world.settle()
      assert.equal(world.log().roll(), true)
    } else if (draw < 70) {
      const to = dice.between(model.start, model.end)
      world.settle()
      assert.equal(
        world.wait((done) => world.log().truncateTo(to, done)),
        null,
      )
      // Truncation takes the whole batch that holds the offset.
      model.end = world.log().appendEndOffset
      assert.ok(model.end <= to)
      model.records = model.records.filter((r) => r.offset < model.end)
      model.start = Math.min(model.start, model.end)
    } else if (draw < 75) {
      world.settle()
      const to = dice.between(model.start, model.end)
      assert.equal(world.log().deleteRecordsBefore(to), to)
      model.start = to
    } else if (draw < 77) {
      world.settle()
      const to = model.end + dice.below(5)
      assert.equal(
        world.wait((done) => world.log().truncateFullyAndStartAt(to, done)),
        null,
      )
      Object.assign(model, { records: [], start: to, end: to })
    } else if (draw < 84) {
      world.settle()
      world.killAndRestart()
    } else if (draw < 90) {
      await world.stopAndRestart()
    } else if (draw < 94) {
      world.settle()
      assert.equal(
        world.wait((done) => world.log().flush(done)),
        null,
      )
      world.powerCutAndRestart({
        keep: dice.pick(['none', 'all', 'subset'] as const),
        model: dice.pick(['ordered', 'arbitrary'] as const),
      })
    } else {
      world.settle(dice.between(1, 500))
    }
    world.settle()
    try {
      check()
    } catch (error) {
      throw new Error(`seed ${seed}, step ${step}, draw ${draw}`, { cause: error })
    }
  }
}

function readAll(world: World, fromOffset: number, maxBytes: number): ReadRecord[] {
  const records: ReadRecord[] = []
  const log = world.log()
  let offset = fromOffset
  while (offset < log.writtenEndOffset) {
    const bytes = world.read(log, offset, { maxBytes })
    assert.ok(Buffer.isBuffer(bytes), `read at ${offset}: ${bytes}`)
    const found = recordsIn(bytes).filter((record) => record.offset >= offset)
    assert.ok(found.length > 0, `nothing at ${offset}, the log ends at ${log.writtenEndOffset}`)
    records.push(...found)
    offset = found[found.length - 1].offset + 1
  }
  return records
}

const seeds = Number(process.env.SEEDS ?? SEEDS)
const from = Number(process.env.FROM ?? 1)

test(`random operations against a model, ${seeds} seeds from ${from}`, async () => {
  for (let seed = from; seed < from + seeds; seed++) await run(seed)
})
