import assert from 'node:assert/strict'
import { MetadataRequest, MetadataResponse } from '@ottla/protocol'
import type { RawClient } from '@ottla/testkit'
import { type BadInput, type Subject, Target } from './target.ts'

/** Asks on, one request after the other, while something else happens on other connections. */
export class Bystander {
  readonly #client: RawClient

  constructor(client: RawClient) {
    this.#client = client
  }

  async ask(): Promise<void> {
    const asked = this.#client.send(MetadataRequest, 12, { topics: [] })
    const { correlationId, body } = await this.#client.receive(MetadataResponse, 12)
    assert.equal(correlationId, asked)
    assert.equal(body.brokers.length, 1)
  }

  /** How many requests were answered, all in order, before `work` was over; there is one more afterwards. */
  async during(work: () => Promise<void>): Promise<number> {
    let answered = 0
    let over = false
    const asking = async () => {
      while (!over) {
        await this.ask()
        if (!over) answered++
      }
    }
    const working = work().finally(() => {
      over = true
    })
    await Promise.all([working, asking()])
    await this.ask()
    return answered
  }
}

let played = 0

/**
 * Makes an input; fails unless the broker does what it must, says so in its log, serves others, and goes on without
 * anything of it. How many requests of the bystander were answered meanwhile.
 */
export async function play(input: BadInput, subject: Subject, bystander: Bystander): Promise<number> {
  const before = await subject.observe()
  const target = new Target(subject, `bad-${played++}`)
  let othersAnswered: number
  try {
    othersAnswered = await bystander.during(() => input.play(target))
  } finally {
    target.release()
  }
  assert.equal(target.closed > 0, input.outcome === 'closes')
  assert.ok(othersAnswered >= (input.othersAnsweredMin ?? 0), `others had ${othersAnswered} answers meanwhile`)
  const after = await settled(subject, before.connections)
  assert.equal(after.errorLines, before.errorLines, after.lastError)
  assert.equal(after.protocolErrors - before.protocolErrors, target.closed)
  assert.equal(after.closedLines - before.closedLines, target.closed, 'one line in the log for each closed connection')
  return othersAnswered
}

/** When no more connections are left, and no request. The broker learns of their ends a little after us. */
export async function settled<S extends Subject>(subject: S, connections: number) {
  for (;;) {
    const now = await subject.observe()
    if (now.connections <= connections && now.queuedRequestBytes === 0) return now
  }
}
