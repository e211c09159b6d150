import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EmbeddedMetadata, Operation } from '@ottla/cluster'
import { openEmbedded } from '../support/embedded.ts'
import { FaultDisk, MachineStopped, seeded } from '../support/fault-disk.ts'
import { script, statesOf } from '../support/script.ts'

/** Small enough that the script below writes several snapshots. */
const journalBytesMin = 300

async function recoveredState(metadata: EmbeddedMetadata): Promise<string> {
  const tree: [string, string | null, number][] = []
  const session = metadata.openSession()
  const walk = async (path: string): Promise<void> => {
    const node = await session.get(path)
    const children = await session.children(path)
    assert.ok(node.ok && children.ok)
    tree.push([path, node.value.data?.toString('latin1') ?? null, node.value.stat.version])
    for (const name of children.value.names) await walk(path === '/' ? `/${name}` : `${path}/${name}`)
  }
  await walk('/')
  await session.close()
  return JSON.stringify(tree.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Runs the multis, several at once, until the machine stops. */
async function run(disk: FaultDisk, multis: readonly Operation[][]): Promise<{ acked: number; highestZxid: number }> {
  let acked = 0
  let highestZxid = 0
  let metadata: EmbeddedMetadata
  try {
    metadata = openEmbedded(disk, { journalBytesMin })
  } catch (error) {
    if (error instanceof MachineStopped) return { acked, highestZxid }
    throw error
  }
  const session = metadata.openSession()
  for (let i = 0; i < multis.length && !disk.stopped; i += 3) {
    // An ephemeral among them: it must neither survive nor disturb.
    const group = [
      ...multis.slice(i, i + 3),
      [{ type: 'create', path: `/ephemerals/${i}`, data: null, mode: 'ephemeral' } as const],
    ]
    let open = group.length
    await new Promise<void>((resolve) => {
      group.forEach((operations, j) => {
        session.multi(operations).then((outcome) => {
          if (!outcome.ok) {
            assert.ok(disk.stopped && outcome.code === 'storageError', `multi ${i + j}: ${outcome.code}`)
            return
          }
          for (const result of outcome.value)
            if ('stat' in result) highestZxid = Math.max(highestZxid, result.stat.mzxid)
          if (j < group.length - 1) acked = i + j + 1
          if (--open === 0) resolve()
        })
      })
      const poll = () => (disk.stopped ? resolve() : open > 0 && setImmediate(poll))
      poll()
    })
    // Answers that were on their way when the machine stopped are still acknowledgements.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  }
  return { acked, highestZxid }
}

async function check(disk: FaultDisk, states: readonly string[], acked: number, highestZxid: number, note: string) {
  const metadata = openEmbedded(disk, { journalBytesMin })
  const state = await recoveredState(metadata)
  const found = states.indexOf(state)
  assert.ok(found !== -1, `${note}: the recovered tree is no state of the script`)
  assert.ok(found >= acked, `${note}: ${acked} multis were answered, ${found} are there`)
  const session = metadata.openSession()
  const probe = await session.create('/probe', null)
  assert.ok(probe.ok && probe.value.stat.czxid > highestZxid, `${note}: a zxid came twice`)
  await metadata.close()
  // What was served once stays: the same again after a clean stop.
  const again = openEmbedded(
    disk.afterPowerCut(() => 0),
    { journalBytesMin },
  )
  assert.equal((await recoveredState(again)).includes('/probe'), true, note)
  await again.close()
  return found
}

test('a crash at any operation keeps every answered multi whole and no half one', async () => {
  const multis = script(seeded(7), 40)
  const states = statesOf(multis)
  const dry = new FaultDisk()
  dry.mkdir('/data')
  dry.syncDir('/')
  dry.operations = 0
  assert.equal((await run(dry, multis)).acked, multis.length)
  const operations = dry.operations
  let snapshots = 0
  let crashStates = 0
  let unanswered = 0
  for (let stopAt = 0; stopAt < operations; stopAt++) {
    const disk = new FaultDisk()
    disk.mkdir('/data')
    disk.syncDir('/')
    disk.operations = 0
    disk.stopAt = stopAt
    const { acked, highestZxid } = await run(disk, multis)
    assert.ok(disk.stopped)
    if (disk.exists('/data/metadata') && disk.readdir('/data/metadata').some((name) => name.startsWith('snapshot')))
      snapshots++
    const found = await check(disk.afterKill(), states, acked, highestZxid, `kill at ${stopAt}`)
    if (found > acked) unanswered++
    for (let seed = 1; seed <= 6; seed++) {
      const note = `power cut at ${stopAt}, seed ${seed}`
      await check(disk.afterPowerCut(seeded(stopAt * 100 + seed)), states, acked, highestZxid, note)
      crashStates++

      // Once more in the middle of the recovery (S3): kill, then a power cut while it recovers.
      const recovering = disk.afterKill()
      recovering.stopAt = seed
      await run(recovering, [])
      if (!recovering.stopped) continue
      const cut = recovering.afterPowerCut(seeded(stopAt * 1000 + seed))
      await check(cut, states, acked, highestZxid, `${note}, again at ${seed} of the recovery`)
      crashStates++
    }
  }
  console.log(
    `crash points ${operations}, crash states ${crashStates + operations}, with a snapshot ${snapshots}, unanswered but kept ${unanswered}`,
  )
  assert.ok(snapshots > 20)
  assert.ok(crashStates > 500)
})
