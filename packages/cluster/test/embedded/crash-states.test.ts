import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EmbeddedMetadata } from '@ottla/cluster'
import type { FileSystem } from '@ottla/runtime'
import { type CrashState, crashStates, SeededRandom, SimDisk, SimScheduler, Simulation } from '@ottla/runtime/sim'
import { recover } from '../../src/embedded/recovery.ts'
import { seeded } from '../support/fault-disk.ts'
import { fingerprint, script, statesOf } from '../support/script.ts'

const dir = '/data/metadata'

interface Ack {
  /** Multis answered. */
  readonly count: number
  /** Events the disk had seen by then. */
  readonly index: number
}

function diskOf(state: CrashState, record: boolean): SimDisk {
  return new SimDisk({
    scheduler: new SimScheduler({ seed: 1 }),
    random: new SeededRandom(1),
    image: state.image(),
    record,
  })
}

function recoveredTree(fs: FileSystem): string {
  const { tree, journal } = recover(fs, dir)
  journal.close()
  return fingerprint(tree)
}

/**
 * Every state a power cut can leave, by the simulated disk's own rules (sectors by themselves, lengths without data,
 * names in any order): two lives of the store with several snapshots, and again with a power cut while it recovers.
 */
test('in every crash state what was answered is there, whole', async () => {
  const seed = 3
  const multis = script(seeded(seed), 150, 1_500)
  const states = statesOf(multis)
  const simulation = new Simulation({ seed })
  const machine = simulation.addMachine('m', { disk: { record: true } })
  const acks: Ack[] = [{ count: 0, index: 0 }]

  for (const life of [multis.slice(0, 75), multis.slice(75)]) {
    const runtime = machine.start()
    const first = acks.at(-1)?.count ?? 0
    runtime.fs.mkdir('/data')
    runtime.fs.syncDir('/')
    const metadata = EmbeddedMetadata.open({ dir, journalBytesMin: 6_000 }, runtime)
    const session = metadata.openSession()
    for (let i = 0; i < life.length; i += 3) {
      const group = life.slice(i, i + 3).map((operations, j) =>
        session.multi(operations).then((outcome) => {
          assert.ok(outcome.ok)
          acks.push({ count: first + i + j + 1, index: machine.disk.historyLength })
        }),
      )
      await simulation.scheduler.runUntilSettled(Promise.all(group))
    }
    machine.kill()
  }
  assert.equal(acks.at(-1)?.count, multis.length)

  let checked = 0
  let nested = 0
  let uncertain = 0
  const history = machine.disk.history()
  const firstIndex = acks[1].index
  for (const state of crashStates(history, { seed, subsetsPerIndex: 4 })) {
    const note = `index ${state.index}, key ${state.key}`
    const answered = acks.findLast(({ index }) => index <= state.index)?.count ?? 0
    const disk = diskOf(state, checked % 20 === 0)
    const found = states.indexOf(recoveredTree(disk.mount()))
    assert.ok(found >= answered, `${note}: ${answered} answered, found ${found}`)
    if (found > answered) uncertain++
    checked++
    if (checked % 20 !== 1 || state.index < firstIndex) continue
    // What one recovery has served a later one must find, wherever the power goes meanwhile.
    const recovery = disk.history()
    for (const again of crashStates(recovery, { seed, subsetsPerIndex: 2 })) {
      const state2 = states.indexOf(recoveredTree(diskOf(again, false).mount()))
      const served = again.index === recovery.events.length
      assert.ok(
        served ? state2 === found : state2 >= answered,
        `${note}, then ${again.index} ${again.key}: found ${state2}`,
      )
      nested++
    }
  }
  console.log(
    `disk events ${history.events.length}, crash states ${checked}, of recoveries ${nested}, unanswered but kept ${uncertain}`,
  )
  assert.ok(checked > 1_000 && nested > 200)
})
