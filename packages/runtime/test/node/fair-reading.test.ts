import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { nodeNetwork } from '../../src/node/index.ts'

const perTurn = 512 * 1024

test('one connection is not read for ever: what it sent is handled before more is read', async () => {
  const sent = 64 * 1024 * 1024
  const block = Buffer.alloc(256 * 1024)
  let received = 0
  let ofThisTurn = 0
  let turnEnds = false
  let late = 0
  const { promise: all, resolve } = Promise.withResolvers<void>()
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    socket.handle({
      readBuffer: () => block,
      onData(chunk) {
        received += chunk.length
        // Work that these bytes made waits for the end of the turn, as a broker's writes do.
        if (ofThisTurn >= perTurn) late++
        ofThisTurn += chunk.length
        if (!turnEnds) {
          turnEnds = true
          setImmediate(() => {
            turnEnds = false
            ofThisTurn = 0
          })
        }
        if (received === sent) resolve()
      },
      onClose() {},
    })
  })
  const client = connect(listener.port, '127.0.0.1')
  client.end(Buffer.alloc(sent))
  await all
  await listener.close()
  assert.equal(late, 0)
})

test('a pause while reading waits for its turn is not undone by the turn', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  let afterPause = 0
  let paused = false
  let received = 0
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    const block = Buffer.alloc(perTurn)
    socket.handle({
      readBuffer: () => block,
      onData(chunk) {
        if (paused) afterPause += chunk.length
        received += chunk.length
        if (received < perTurn || paused) return
        // Behind the reading's own wish to wait, and before its turn comes.
        queueMicrotask(() => {
          socket.pause()
          paused = true
          let turns = 0
          const wait = (): void => {
            if (++turns < 50) {
              setImmediate(wait)
              return
            }
            assert.equal(afterPause, 0)
            paused = false
            socket.resume()
          }
          wait()
        })
      },
      onClose: () => resolve(),
    })
  })
  const client = connect(listener.port, '127.0.0.1')
  client.end(Buffer.alloc(4 * 1024 * 1024))
  await closed
  await listener.close()
  assert.equal(received, 4 * 1024 * 1024)
})
