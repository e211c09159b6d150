import { ApiVersionsRequest, ApiVersionsResponse } from '@ottla/protocol'
import type { RawClient } from '@ottla/testkit'
import type { BrokerProcess } from '../broker-process.ts'
import type { Watched } from '../watched-broker.ts'
import { int32 } from './bytes.ts'
import { Bystander, settled } from './play.ts'

/** Connections that are opened at the same time: the kernel holds only so many until they are accepted. */
const WAVE = 200
const ANNOUNCED_BYTES = 100 * 1024 * 1024

/** What every client of a crowd does once it is connected. */
export type Habit = (client: RawClient) => Promise<void> | void

/** Says that it is a client, and nothing more. */
export const idle: Habit = async (client) => {
  await client.call(ApiVersionsRequest, ApiVersionsResponse, 0, {})
}

/** Announces the largest request there may be, and sends the beginning of it. */
export const announcing: Habit = (client) =>
  client.sendBytes(Buffer.concat([int32(ANNOUNCED_BYTES), Buffer.alloc(100)]))

/** What a broker must be told to let that many in from this machine at once. */
export function crowdConfig(count: number): Readonly<Record<string, string | number>> {
  return {
    'max.connections': count + 10,
    'max.connections.per.ip.overrides': `127.0.0.1:${count + 10}`,
    'max.connection.creation.rate': 1_000_000,
  }
}

/** Open files that the processes of a crowd may have each; infinite where the system does not say. */
export function openFilesMax(): number {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files: { hard: number | 'unlimited' } } }
  const hard = userLimits?.open_files.hard
  return typeof hard === 'number' ? hard : Number.POSITIVE_INFINITY
}

/** Besides connections: logs, indexes, and what Node opens. */
const OTHER_FILES = 700

/** Why there can be no crowd of that size here, or `null`. */
export function crowdProblem(count: number): string | null {
  const most = openFilesMax()
  return most >= count + OTHER_FILES ? null : `this system allows ${most} open files a process (ulimit -Hn)`
}

export interface CrowdCosts {
  readonly before: Watched
  /** With all of them there. */
  readonly during: Watched
  readonly after: Watched
  /** Requests of another client that were answered while they came, and while they left. */
  readonly othersAnswered: readonly [coming: number, leaving: number]
}

/** Lets a crowd in, looks at what it costs, and lets it go, so many at the same moment. */
export async function gather(
  broker: BrokerProcess,
  count: number,
  habit: Habit,
  atOnce: number = WAVE,
): Promise<CrowdCosts> {
  const bystanderClient = await broker.connect()
  const bystander = new Bystander(bystanderClient)
  await bystander.ask()
  const before = await broker.ask('measure')
  const clients: RawClient[] = []
  const join = async () => {
    const client = await broker.connect()
    clients.push(client)
    await habit(client)
  }
  try {
    await broker.ask('start')
    const coming = await bystander.during(async () => {
      while (clients.length < count) {
        await Promise.all(Array.from({ length: Math.min(WAVE, count - clients.length) }, join))
      }
      // Whoever has only sent something may not have been read yet.
      while ((await broker.observe()).connections < before.connections + count) {}
    })
    const during = await broker.ask('measure')
    const leaving = await bystander.during(async () => {
      while (clients.length > 0) {
        for (const client of clients.splice(0, atOnce)) client.close()
        await settled(broker, before.connections + clients.length)
      }
    })
    return { before, during, after: await broker.ask('measure'), othersAnswered: [coming, leaving] }
  } finally {
    for (const client of clients) client.close()
    bystanderClient.close()
  }
}
