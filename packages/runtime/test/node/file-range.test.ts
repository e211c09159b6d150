import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket as PlainSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { File, FileRange, ReadDone, Socket } from '../../src/index.ts'
import { nodeFileSystem, nodeNetwork } from '../../src/node/index.ts'
import { zeroCopy } from '../../src/node/zero-copy.ts'

const folder = mkdtempSync(join(tmpdir(), 'ottla-range-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const content = Buffer.alloc(24 * 1024 * 1024)
for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at)
const path = join(folder, 'content')
writeFileSync(path, content)
const file = nodeFileSystem.open(path, 'r')
after(() => file.close())

if (zeroCopy() === null)
  console.log('bytes of files are copied here: no node:ffi, or not Linux; the kernel path is left out')

const unused = (): never => assert.fail('not for sending')

/** The same file without its descriptor: what another file system hands out. */
const copied: File = {
  path,
  size: () => file.size(),
  readSync: (...of) => file.readSync(...of),
  read: (...of) => file.read(...of),
  writeSync: unused,
  writevSync: unused,
  truncateSync: unused,
  syncSync: unused,
  writev: unused,
  sync: unused,
  close: unused,
}

const range = (of: File, position: number, length: number): FileRange => ({ file: of, position, length })
const digest = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex')

interface Pair {
  readonly sender: Socket
  readonly receiver: PlainSocket
  /** Of the sender, so far. */
  readonly events: string[]
  /** The error that it closed with. */
  readonly closed: Promise<Error | null>
  drained(): Promise<void>
  end(): Promise<void>
}

/** `highWaterMark` small and no reading at first: the kernel's buffers fill up. */
async function pair(): Promise<Pair> {
  const events: string[] = []
  let onDrain = () => {}
  let onClosed: (error: Error | null) => void
  const closed = new Promise<Error | null>((resolve) => {
    onClosed = resolve
  })
  let receiver!: PlainSocket
  let listener!: Awaited<ReturnType<typeof nodeNetwork.listen>>
  const sender = await new Promise<Socket>((resolve, reject) => {
    nodeNetwork
      .listen({ host: '127.0.0.1', port: 0 }, (socket) => {
        socket.handle({
          onData() {},
          onDrain() {
            events.push('drain')
            onDrain()
          },
          onClose(error) {
            events.push('close')
            onClosed(error)
          },
        })
        resolve(socket)
      })
      .then((made) => {
        listener = made
        receiver = connect({ host: '127.0.0.1', port: made.port })
        receiver.pause()
        receiver.on('error', () => {})
      }, reject)
  })
  return {
    sender,
    receiver,
    events,
    closed,
    drained: () =>
      new Promise((resolve) => {
        if (events.includes('drain')) resolve()
        else onDrain = resolve
      }),
    async end() {
      receiver.destroy()
      sender.destroy()
      await closed
      await listener.close()
    },
  }
}

/** Reads so many bytes, or what comes before the end. */
function take(socket: PlainSocket, bytes: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let total = 0
    const done = () => {
      socket.pause()
      socket.removeAllListeners('data')
      resolve(Buffer.concat(chunks))
    }
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      total += chunk.length
      if (total >= bytes) done()
    })
    socket.once('close', done)
    socket.resume()
  })
}

for (const [way, of] of [
  ['from the kernel where it can', file],
  ['in pieces', copied],
] as const) {
  test(`ranges and buffers arrive in order: ${way}`, async () => {
    const { sender, receiver, end } = await pair()
    const expected: Buffer[] = []
    const chunks: (Uint8Array | FileRange)[] = []
    for (const [position, length] of [
      [0, 1],
      [1_000_003, 700_000],
      [5, 70_001],
      [content.length - 3, 3],
    ]) {
      const before = Buffer.from(`before ${position}`)
      chunks.push(before, range(of, position, length))
      expected.push(before, content.subarray(position, position + length))
    }
    sender.write(chunks)
    sender.write([Buffer.from('behind')])
    const all = Buffer.concat([...expected, Buffer.from('behind')])
    const got = await take(receiver, all.length)
    assert.equal(digest(got), digest(all))
    await end()
  })

  test(`a reader that does not read holds it up, and gets all of it in the end: ${way}`, async () => {
    const { sender, receiver, events, drained, end } = await pair()
    const total = content.length + 5
    assert.equal(sender.write([range(of, 0, content.length), Buffer.from('five!')]), false)
    assert.ok(sender.pendingBytes > 0)
    assert.deepEqual(events, [])
    const got = await take(receiver, total)
    assert.equal(digest(got), digest(Buffer.concat([content, Buffer.from('five!')])))
    await drained()
    assert.equal(sender.pendingBytes, 0)
    assert.deepEqual(events, ['drain'])
    await end()
  })

  test(`end sends what is queued first: ${way}`, async () => {
    const { sender, receiver, closed, end } = await pair()
    sender.write([range(of, 0, content.length)])
    sender.end()
    const got = await take(receiver, content.length + 1)
    assert.equal(digest(got), digest(content))
    assert.equal(await closed, null)
    await end()
  })

  test(`a file that is shorter than the range ends the connection: ${way}`, async () => {
    const { sender, receiver, closed, end } = await pair()
    sender.write([range(of, content.length - 100, 200)])
    const got = await take(receiver, 200)
    assert.equal(got.length <= 100, true)
    assert.match(String(await closed), /ends before the part that is to be sent/)
    await end()
  })
}

test('a socket that closes while a piece is read says so when the file may be let go of', async () => {
  const { sender, receiver, events, closed, end } = await pair()
  let answer: ReadDone | undefined
  const slow: File = {
    ...copied,
    read: (_target, _offset, _length, _position, done) => {
      answer = done
    },
  }
  sender.write([range(slow, 0, 1000)])
  assert.ok(answer !== undefined)
  sender.destroy()
  await new Promise((resolve) => receiver.once('close', resolve).resume())
  assert.deepEqual(events, [])
  answer(null, 1000)
  await closed
  assert.deepEqual(events, ['close'])
  await end()
})

test('what has just been written is in the page cache, what lies behind the end is not', { skip: skipReason() }, () => {
  assert.equal(file.isSendable?.(0, content.length), true)
  assert.equal(file.isSendable?.(content.length - 10, 20), false)
})

function skipReason(): string | false {
  return zeroCopy() === null ? 'no sendfile here' : false
}
