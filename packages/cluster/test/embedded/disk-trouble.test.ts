import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { MetadataOpenError } from '@ottla/cluster'
import { openEmbedded } from '../support/embedded.ts'
import { FaultDisk } from '../support/fault-disk.ts'

const journal = '/data/metadata/journal-0'

async function diskWithChanges(count: number): Promise<FaultDisk> {
  const disk = new FaultDisk()
  const metadata = openEmbedded(disk)
  const session = metadata.openSession()
  for (let i = 0; i < count; i++) assert.ok((await session.create(`/n${i}`, Buffer.from(`data ${i}`))).ok)
  await metadata.close()
  return disk
}

async function names(disk: FaultDisk): Promise<string[]> {
  const metadata = openEmbedded(disk)
  const children = await metadata.openSession().children('/')
  await metadata.close()
  assert.ok(children.ok)
  return children.value.names
}

function opening(disk: FaultDisk): MetadataOpenError {
  try {
    openEmbedded(disk)
  } catch (error) {
    assert.ok(error instanceof MetadataOpenError, String(error))
    return error
  }
  return assert.fail('the store opened')
}

describe('what the folder may look like', () => {
  test('a tail cut at any byte loses the last change at most', async () => {
    const disk = await diskWithChanges(3)
    const whole = disk.content(journal)
    const lastFrame = whole.lastIndexOf('OFRM')
    for (let length = lastFrame; length < whole.length; length++) {
      disk.put(journal, whole.subarray(0, length))
      assert.deepEqual(await names(disk), ['n0', 'n1'], `cut at ${length}`)
    }
    for (const tail of ['\0'.repeat(40), 'OFRM', 'OFRM\0\0\0\x07\xff\xff\xff\xff\0\0\0\0']) {
      disk.put(journal, Buffer.concat([whole, Buffer.from(tail, 'latin1')]))
      assert.deepEqual(await names(disk), ['n0', 'n1', 'n2'])
    }
  })

  test('a flipped bit before the last frame is damage and nothing is cut', async () => {
    const disk = await diskWithChanges(3)
    const whole = disk.content(journal)
    const lastFrame = whole.lastIndexOf('OFRM')
    for (let at = 0; at < lastFrame; at++) {
      const flipped = Buffer.from(whole)
      flipped[at] ^= 0x10
      disk.put(journal, flipped)
      assert.equal(opening(disk).code, 'damaged', `flipped byte ${at}`)
      assert.ok(disk.content(journal).equals(flipped))
    }
  })

  test('a newer format is refused with one sentence', async () => {
    const disk = await diskWithChanges(1)
    const newer = Buffer.from(disk.content(journal))
    newer.writeUInt32BE(2, 8)
    newer.writeUInt32BE(crc32(newer.subarray(0, 16)), 16)
    disk.put(journal, newer)
    const error = opening(disk)
    assert.equal(error.code, 'newerFormat')
    assert.equal(
      error.message,
      '/data/metadata/journal-0 has metadata format 2, but this version of Ottla reads formats up to 1: ' +
        'start the newer version that wrote it, or use another data directory.',
    )
    assert.ok(disk.content(journal).equals(newer))
  })

  test('a damaged or missing snapshot, or its missing journal, is refused', async () => {
    const build = async () => {
      const disk = new FaultDisk()
      const metadata = openEmbedded(disk, { journalBytesMin: 1 })
      const session = metadata.openSession()
      for (let i = 0; i < 8; i++) assert.ok((await session.create(`/n${i}`, Buffer.alloc(40))).ok)
      await metadata.close()
      const snapshot = disk.readdir('/data/metadata').find((name) => name.startsWith('snapshot')) as string
      return {
        disk,
        snapshot: `/data/metadata/${snapshot}`,
        after: `/data/metadata/${snapshot.replace('snapshot', 'journal')}`,
      }
    }
    const { disk, snapshot } = await build()
    assert.equal((await names(disk)).length, 8)
    const whole = disk.content(snapshot)
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole)
      flipped[at] ^= 0x10
      disk.put(snapshot, flipped)
      assert.equal(opening(disk).code, 'damaged', `flipped byte ${at}`)
    }
    const noSnapshot = await build()
    noSnapshot.disk.unlink(noSnapshot.snapshot)
    assert.equal(opening(noSnapshot.disk).code, 'damaged')
    const noJournal = await build()
    noJournal.disk.unlink(noJournal.after)
    assert.equal(opening(noJournal.disk).code, 'damaged')
  })
})

describe('a disk that fails while the store is open', () => {
  test('a full disk refuses the change, takes it back, and lets later ones in when there is space', async () => {
    const disk = new FaultDisk()
    const metadata = openEmbedded(disk)
    const session = metadata.openSession()
    assert.ok((await session.create('/a', Buffer.from('0'))).ok)
    const events: string[] = []
    await session.get('/a', (event) => events.push(event.type))
    disk.fault = (call) => (call === 'write' ? 'ENOSPC' : null)
    const refused = await Promise.all([session.set('/a', Buffer.from('1'), 0), session.create('/a/b', null)])
    for (const outcome of refused) assert.ok(!outcome.ok && outcome.code === 'storageError')
    const read = await session.get('/a')
    assert.ok(read.ok && read.value.data?.toString() === '0' && read.value.stat.version === 0)
    assert.equal(read.value.stat.numChildren, 0)
    assert.deepEqual(events, [])
    disk.fault = null
    assert.ok((await session.set('/a', Buffer.from('2'), 0)).ok)
    await metadata.close()
    const again = openEmbedded(disk.afterPowerCut(() => 0)).openSession()
    const kept = await again.get('/a')
    assert.ok(kept.ok && kept.value.data?.toString() === '2' && kept.value.stat.version === 1)
  })

  for (const call of ['write', 'sync']) {
    test(`after a failed ${call} no change is accepted any more, reads go on, sessions can end`, async () => {
      const disk = new FaultDisk()
      const metadata = openEmbedded(disk)
      const session = metadata.openSession()
      const other = metadata.openSession()
      assert.ok((await session.create('/a', Buffer.from('0'))).ok)
      assert.ok((await other.create('/e', null, 'ephemeral')).ok)
      disk.fault = (name) => (name === call ? 'EIO' : null)
      const failed = await session.set('/a', Buffer.from('1'), 0)
      assert.ok(!failed.ok && failed.code === 'storageError')
      disk.fault = null
      const later = await session.set('/a', Buffer.from('1'), 0)
      assert.ok(!later.ok && later.code === 'storageError')
      const read = await session.get('/a')
      assert.ok(read.ok && read.value.data?.toString() === '0')
      await other.close()
      const gone = await session.exists('/e')
      assert.ok(gone.ok && gone.value === null)
      await metadata.close()
      // The change was answered as uncertain; a restart finds it or not, and accepts changes again.
      const restarted = openEmbedded(disk.afterKill())
      assert.ok((await restarted.openSession().set('/a', Buffer.from('3'), -1)).ok)
      await restarted.close()
    })
  }

  test('a snapshot that cannot be written leaves the journal in use', async () => {
    const disk = new FaultDisk()
    const metadata = openEmbedded(disk, { journalBytesMin: 200 })
    const session = metadata.openSession()
    disk.fault = (call, path) => (call === 'write' && path.endsWith('.tmp') ? 'ENOSPC' : null)
    for (let i = 0; i < 20; i++) assert.ok((await session.create(`/n${i}`, Buffer.alloc(30))).ok)
    // A read waits for the attempt that may be under way.
    assert.ok((await session.get('/')).ok)
    assert.deepEqual(disk.readdir('/data/metadata'), ['journal-0'])
    disk.fault = null
    for (let i = 20; i < 40; i++) assert.ok((await session.create(`/n${i}`, Buffer.alloc(30))).ok)
    assert.ok(disk.readdir('/data/metadata').some((name) => name.startsWith('snapshot')))
    await metadata.close()
    assert.equal((await names(disk.afterPowerCut(() => 0))).length, 40)
  })

  test('changes asked for at once share one write and one sync', async () => {
    const disk = new FaultDisk()
    const metadata = openEmbedded(disk)
    const session = metadata.openSession()
    const before = disk.operations
    const made = await Promise.all(Array.from({ length: 500 }, (_, i) => session.create(`/n${i}`, Buffer.alloc(20))))
    assert.ok(made.every((outcome) => outcome.ok))
    assert.ok(disk.operations - before <= 4, `${disk.operations - before} operations`)
    await metadata.close()
  })

  test('changes of ephemerals alone touch no disk', async () => {
    const disk = new FaultDisk()
    const metadata = openEmbedded(disk)
    const session = metadata.openSession()
    const before = disk.operations
    assert.ok((await session.create('/e', Buffer.from('x'), 'ephemeral')).ok)
    assert.ok((await session.set('/e', Buffer.from('y'), 0)).ok)
    await session.close()
    assert.equal(disk.operations, before)
    await metadata.close()
  })
})
