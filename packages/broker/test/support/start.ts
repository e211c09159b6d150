import type { TestContext } from 'node:test'
import { Broker, BrokerConfig, objectLayer } from '@ottla/broker'
import type { Clock, FileSystem, Network, Timers } from '@ottla/runtime'
import { memoryFileSystem, nodeRuntime } from '@ottla/runtime/node'
import { RawClient } from '@ottla/testkit'

export interface StartOptions {
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /** Kept by the test to start a second broker on the same disk. */
  readonly fs?: FileSystem
  /** In place of real time, where a test moves it by hand. */
  readonly time?: Clock & Timers
  /** In place of the system's, where a test looks at what it is asked for. */
  readonly net?: Network
}

let instances = 0

export interface Started {
  readonly broker: Broker
  readonly port: number
  connect(): Promise<RawClient>
}

/** A broker on loopback and a disk of memory; closed, with its clients, when the test ends. */
export async function startBroker(t: TestContext, options: StartOptions = {}): Promise<Started> {
  const fs = options.fs ?? memoryFileSystem()
  const place = options.config?.['log.dir'] === undefined ? { 'log.dirs': '/data' } : {}
  const config = BrokerConfig.from(
    objectLayer({ ...place, listeners: 'PLAINTEXT://127.0.0.1:0' }),
    objectLayer(options.config ?? {}),
  )
  const identity = { pid: 1, startedAt: `test-${++instances}`, bootId: 'test' }
  const runtime = nodeRuntime({ fs })
  const { net = runtime.net, time } = options
  const broker = await Broker.start(
    { config, identity, isAlive: () => false, poisonBuffers: true },
    { ...runtime, net, ...(time === undefined ? {} : { clock: time, timers: time }) },
  )
  const clients: RawClient[] = []
  t.after(async () => {
    for (const client of clients) client.close()
    await broker.close()
  })
  const { port } = broker.listeners[0]
  return {
    broker,
    port,
    async connect() {
      const client = await RawClient.connect(port)
      clients.push(client)
      return client
    },
  }
}
