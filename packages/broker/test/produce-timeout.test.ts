import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, ProduceRequest, ProduceResponse } from '@ottla/protocol'
import type { File, FileSystem } from '@ottla/runtime'
import { memoryFileSystem } from '@ottla/runtime/node'
import { createTopic, produceTo } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { ManualTime } from './support/manual-time.ts'
import { startBroker } from './support/start.ts'

/** A disk on which the log of one partition can be made to hang. */
class HangingDisk {
  hanging = false
  readonly fs: FileSystem
  #held: (() => void)[] = []
  #onHeld: (() => void) | null = null

  constructor(partition: string) {
    const fs = memoryFileSystem()
    const open = fs.open.bind(fs)
    fs.open = (path, mode) => {
      const file = open(path, mode)
      return path.includes(`/${partition}/`) && path.endsWith('.log') ? this.#hold(file) : file
    }
    this.fs = fs
  }

  #hold(file: File): File {
    const writev = file.writev.bind(file)
    file.writev = (buffers, position, done) => {
      if (!this.hanging) {
        writev(buffers, position, done)
        return
      }
      this.#held.push(() => writev(buffers, position, done))
      this.#onHeld?.()
    }
    return file
  }

  /** Resolves when a write hangs. */
  held(): Promise<void> {
    if (this.#held.length > 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onHeld = resolve
    })
  }

  goOn(): void {
    this.hanging = false
    for (const write of this.#held.splice(0)) write()
  }
}

for (const acks of [1, -1]) {
  test(`acks=${acks}: what is not written within timeoutMs answers REQUEST_TIMED_OUT, the rest its offset`, async (t) => {
    const time = new ManualTime()
    const disk = new HangingDisk('slow-0')
    const { connect } = await startBroker(t, { time, fs: disk.fs })
    const client = await connect()
    await createTopic(client, 'slow')
    await createTopic(client, 'quick')
    disk.hanging = true
    const records = () => batchOf(['value'])
    client.send(ProduceRequest, 9, {
      acks,
      timeoutMs: 3000,
      topicData: ['slow', 'quick'].map((name) => ({ name, partitionData: [{ index: 0, records: records() }] })),
    })
    await disk.held()
    // The other partition's write does not hang; it is done by the time this one is.
    assert.equal((await produceTo(await connect(), 'quick', records())).baseOffset, 1)
    time.advance(2000)
    time.advance(2000)
    const { body } = await client.receive(ProduceResponse, 9)
    const [slow, quick] = body.responses.map(({ partitionResponses }) => partitionResponses[0])
    assert.deepEqual([slow.errorCode, slow.baseOffset], [ErrorCode.REQUEST_TIMED_OUT, -1])
    assert.deepEqual([quick.errorCode, quick.baseOffset], [ErrorCode.NONE, 0])
    // It is written after all, and nobody is told a second time.
    disk.goOn()
    const next = await produceTo(client, 'slow', records())
    assert.deepEqual([next.errorCode, next.baseOffset], [ErrorCode.NONE, 1])
  })
}

test('a timeoutMs of 0 does not fail what is written at the disk’s pace', async (t) => {
  const { connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  for (let i = 0; i < 20; i++) {
    const topicData = [{ name: 'orders', partitionData: [{ index: 0, records: batchOf(['x']) }] }]
    const { responses } = await client.call(ProduceRequest, ProduceResponse, 9, { acks: -1, timeoutMs: 0, topicData })
    assert.equal(responses[0].partitionResponses[0].errorCode, ErrorCode.NONE)
  }
})
