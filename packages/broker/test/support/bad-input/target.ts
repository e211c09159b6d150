import assert from 'node:assert/strict'
import { RawClient } from '@ottla/testkit'
import { createTopic } from '../admin.ts'

/** What a broker says of itself, now. */
export interface Observed {
  /** Open connections. */
  readonly connections: number
  /** Bytes of requests that are not answered yet. */
  readonly queuedRequestBytes: number
  /** Connections it has closed for what came over them, and lines about that in its log. */
  readonly protocolErrors: number
  readonly closedLines: number
  /** Lines in its log about a mistake of its own, and the last of them. */
  readonly errorLines: number
  readonly lastError: string
}

/** A broker that inputs are made to, in this process or another. */
export interface Subject {
  readonly port: number
  observe(): Promise<Observed>
}

/** What one input has to do with the broker; all connections end with `release`. */
export class Target {
  /** Connections that had to be closed by the broker, and were. */
  closed = 0
  readonly #subject: Subject
  readonly #name: string
  readonly #clients: RawClient[] = []
  #topics = 0

  /** `name` begins the names of its topics. */
  constructor(subject: Subject, name: string) {
    this.#subject = subject
    this.#name = name
  }

  async connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.#subject.port)
    this.#clients.push(client)
    return client
  }

  observe(): Promise<Observed> {
    return this.#subject.observe()
  }

  /** A new, empty topic of one partition, and a connection. */
  async topic(configs: Readonly<Record<string, string>> = {}): Promise<{ client: RawClient; topic: string }> {
    const client = await this.connect()
    const topic = `${this.#name}-${this.#topics++}`
    await createTopic(client, topic, 1, configs)
    return { client, topic }
  }

  /** The broker must end the connection without a further answer. */
  async endOf(client: RawClient, message = 'an answer came'): Promise<void> {
    assert.equal(await client.receiveFrame(), null, message)
    this.closed++
  }

  release(): void {
    for (const client of this.#clients.splice(0)) client.close()
  }
}

/** What the broker does about an input. */
export type Outcome = 'closes' | 'refuses by code' | 'answers' | 'stops reading'

export interface BadInput {
  readonly name: string
  readonly outcome: Outcome
  /** Makes it, and fails where what comes back is not what must. */
  play(target: Target): Promise<void>
  /** Requests that another client must have answered until the broker is through with it. Default 0: it is over at once. */
  readonly othersAnsweredMin?: number
}
