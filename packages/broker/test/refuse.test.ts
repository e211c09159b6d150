import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, encodeResponse, type Fields, type Message } from '@ottla/protocol'
import { Random } from '../../protocol/test/fuzz/random.ts'
import { randomValue } from '../../protocol/test/fuzz/values.ts'
import { defaults } from '../../protocol/test/messages/arbitrary.ts'
import type { Handler } from '../src/server/handler.ts'
import { startBroker } from './support/start.ts'

const SEED = 20_261_122
const RANDOM_BODIES = 20

test('every handler can refuse any request in every version it advertises', async (t) => {
  const { broker } = await startBroker(t)
  const { handlers } = broker as unknown as { readonly handlers: ReadonlyMap<number, Handler> }
  const random = new Random(SEED)
  let encoded = 0
  for (const handler of handlers.values()) {
    const request = handler.request as Message
    for (let version = handler.minVersion; version <= handler.maxVersion; version++) {
      const bodies = [defaults(request.fields as Fields)]
      for (let i = 0; i < RANDOM_BODIES; i++) bodies.push(randomValue(request, version, random))
      for (const body of bodies) {
        for (const code of [ErrorCode.UNKNOWN_SERVER_ERROR, ErrorCode.INVALID_REQUEST]) {
          const told = `${request.name} ${version} (seed ${SEED}): ${JSON.stringify(body).slice(0, 300)}`
          const response = handler.refuse(body as never, code, version)
          assert.doesNotThrow(() => encodeResponse(handler.response as Message, version, 1, response), told)
          encoded++
        }
      }
    }
  }
  assert.ok(encoded > 1000, `${encoded} responses`)
})
