/** Fetches of what lies on disk: sent from the page cache where the platform can, read and sent elsewhere. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FetchRequest, FetchResponse } from '@ottla/protocol'
import { batch } from '@ottla/protocol/records'
import { nodeFileSystem } from '@ottla/runtime/node'
import { createTopic, produceTo } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { startBroker } from './support/start.ts'

const BATCHES = 40
/** More than are answered in one turn of the event loop. */
const PARTITIONS = 150

test('what no longer is in memory arrives byte for byte, also from the kernel', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-file-bytes-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { broker, connect } = await startBroker(t, { fs: nodeFileSystem, config: { 'log.dirs': join(folder, 'data') } })
  const client = await connect()
  await createTopic(client, 'big')
  const sent: Buffer[] = []
  for (let i = 0; i < BATCHES; i++) {
    const records = batchOf(
      Array.from({ length: 900 }, (_, n) => `${i}/${n}`.padEnd(1000, String.fromCharCode(33 + i))),
    )
    sent.push(Buffer.from(records))
    assert.equal((await produceTo(client, 'big', records)).errorCode, 0)
  }
  let offset = 0
  for (let i = 0; i < BATCHES; ) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 2_500_000 }]
    const fetch = { maxWaitMs: 0, minBytes: 1, maxBytes: 50_000_000, topics: [{ topic: 'big', partitions }] }
    const { responses } = await client.call(FetchRequest, FetchResponse, 12, fetch)
    const { errorCode, records } = responses[0].partitions[0]
    assert.equal(errorCode, 0)
    const bytes = records as Buffer
    assert.ok(bytes.length > 0)
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at), i++) {
      assert.equal(batch.baseOffset(bytes, at), offset)
      // The broker writes the base offset, the size stays, and the leader epoch is the broker's too.
      const end = at + batch.sizeInBytes(bytes, at)
      assert.ok(bytes.subarray(at + 16, end).equals(sent[i].subarray(16)), `batch ${i}`)
      offset = batch.lastOffset(bytes, at) + 1
    }
  }
  const fromFiles = Number(/^ottla_sent_file_bytes_total (\d+)$/m.exec(broker.metrics())?.[1])
  const canSend = nodeFileSystem.open(join(folder, 'data', 'big-0', '00000000000000000000.log'), 'r')
  t.after(() => canSend.close())
  if (canSend.isSendable?.(0, 1000) === true) assert.ok(fromFiles > 10_000_000, `${fromFiles} bytes`)
  else t.diagnostic('this platform reads and sends: no sendfile')
})

test('a fetch of many partitions has them all, whether their bytes were at hand or waited for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-file-bytes-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const config = { 'log.dirs': join(folder, 'data') }
  const first = await startBroker(t, { fs: nodeFileSystem, config })
  const writer = await first.connect()
  await createTopic(writer, 'many', PARTITIONS)
  for (let i = 0; i < PARTITIONS; i++) {
    const { errorCode } = await produceTo(writer, 'many', batchOf([`of ${i}`.padEnd(i % 7 === 0 ? 100_000 : 100)]), i)
    assert.equal(errorCode, 0)
  }
  await first.broker.close()
  // After a start nothing is in memory, and no checksum has been looked at.
  const second = await startBroker(t, { fs: nodeFileSystem, config })
  const client = await second.connect()
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
    partition,
    fetchOffset: 0,
    partitionMaxBytes: 200_000,
  }))
  for (let round = 0; round < 2; round++) {
    const fetch = { maxWaitMs: 0, minBytes: 1, maxBytes: 50_000_000, topics: [{ topic: 'many', partitions }] }
    const { responses } = await client.call(FetchRequest, FetchResponse, 12, fetch)
    assert.equal(responses[0].partitions.length, PARTITIONS)
    for (const { partitionIndex, errorCode, records } of responses[0].partitions) {
      assert.equal(errorCode, 0)
      assert.ok((records as Buffer).includes(`of ${partitionIndex} `), `partition ${partitionIndex}`)
    }
  }
})
