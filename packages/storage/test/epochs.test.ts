import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PartitionLog } from '../src/index.ts'
import { batchOf, DIRECTORY, World } from './support/world.ts'

/** Five records under each of the epochs 0, 2 and 5. */
function withEpochs(world: World): PartitionLog {
  const log = world.createLog()
  for (const leaderEpoch of [0, 2, 5])
    for (let i = 0; i < 5; i++) world.append(log, batchOf([{ timestamp: i }]), { leaderEpoch })
  world.settle()
  return log
}

const UNKNOWN = { leaderEpoch: -1, endOffset: -1 }

test('where an epoch ends, also one that is not there', async () => {
  const world = new World()
  const check = (log: PartitionLog): void => {
    assert.deepEqual(
      [0, 1, 2, 4, 5, 6, -1].map((epoch) => log.offsetForLeaderEpoch(epoch)),
      [
        { leaderEpoch: 0, endOffset: 5 },
        { leaderEpoch: 0, endOffset: 5 },
        { leaderEpoch: 2, endOffset: 10 },
        { leaderEpoch: 2, endOffset: 10 },
        { leaderEpoch: 5, endOffset: 15 },
        UNKNOWN,
        UNKNOWN,
      ],
    )
    assert.deepEqual(
      [0, 4, 5, 9, 10, 14].map((offset) => log.epochOf(offset)),
      [0, 0, 2, 2, 5, 5],
    )
  }
  check(withEpochs(world))
  await world.stopAndRestart()
  check(world.log())
  world.killAndRestart()
  check(world.log())
})

test('a truncation takes the epochs above along, at once and for good', () => {
  const world = new World()
  const log = withEpochs(world)
  const check = (log: PartitionLog): void => {
    assert.equal(log.latestEpoch, 2)
    assert.deepEqual(log.offsetForLeaderEpoch(2), { leaderEpoch: 2, endOffset: 7 })
    assert.deepEqual(log.offsetForLeaderEpoch(5), UNKNOWN)
    assert.equal(log.epochOf(12), 2)
  }
  assert.equal(
    world.wait((done) => log.truncateTo(7, done)),
    null,
  )
  check(log)
  world.killAndRestart()
  check(world.log())
  // What is written there next is of its own epoch.
  world.append(world.log(), batchOf([{}]), { leaderEpoch: 3 })
  world.settle()
  assert.deepEqual(world.log().offsetForLeaderEpoch(2), { leaderEpoch: 2, endOffset: 7 })
  assert.deepEqual(world.log().offsetForLeaderEpoch(3), { leaderEpoch: 3, endOffset: 8 })
})

test('with the first records go their epochs; one that is cut begins at the log’s start', () => {
  const world = new World()
  const log = withEpochs(world)
  assert.equal(log.deleteRecordsBefore(7), 7)
  const check = (log: PartitionLog): void => {
    assert.deepEqual(log.offsetForLeaderEpoch(0), { leaderEpoch: 0, endOffset: 7 })
    assert.deepEqual(log.offsetForLeaderEpoch(2), { leaderEpoch: 2, endOffset: 10 })
    assert.equal(log.epochOf(7), 2)
  }
  check(log)
  world.killAndRestart()
  check(world.log())
})

test('an append that fails leaves no epoch; a damaged or old file of epochs is not believed', async () => {
  const world = new World()
  const log = withEpochs(world)
  const undo = world.machine.disk.inject({ call: 'write', code: 'ENOSPC', path: (path) => path.endsWith('.log') })
  world.append(log, batchOf([{}]), { leaderEpoch: 9 })
  world.settle()
  undo()
  assert.equal(log.latestEpoch, 5)
  for (const content of ['0\n1\n0 0\n', '0\n3\n0 0\n2 5\n', 'nonsense', '']) {
    await world.stop()
    const { fs } = world.machine.start()
    const file = fs.open(`${DIRECTORY}/t-0/leader-epoch-checkpoint`, 'w+')
    file.writeSync(Buffer.from(content), 0)
    file.close()
    world.machine.kill()
    world.restart()
    assert.deepEqual(world.log().offsetForLeaderEpoch(2), { leaderEpoch: 2, endOffset: 10 }, content)
  }
})
