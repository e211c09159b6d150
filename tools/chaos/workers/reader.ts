/** A member of the group that reads the numbers and commits by hand. */
import { Kafka } from '@ottla/client'
import { monotonicMs, type Place } from '../events.ts'
import { config, ending, membershipOf, pause, tell, tellTrouble } from './worker.ts'

const { topic, group, bootstrap } = config
const COMMIT_INTERVAL_MS = 250
/** Batches. */
let read = 0
/** By partition: behind what has been read of it since it was given to this member. */
const positions = new Map<number, number>()

const kafka = new Kafka({ bootstrap, clientId: config.name })
const consumer = kafka.consumer({
  ...membershipOf('range'),
  topics: [topic],
  from: 'earliest',
  autoCommit: false,
  fetchMaxWaitMs: 100,
  async onAssigned(partitions) {
    const generation = consumer.groupMetadata().generationId
    const t = monotonicMs()
    const committed = await consumer.committed(partitions)
    const places = partitions.map(
      ({ partition }): Place => [partition, committed.find((one) => one.partition === partition)?.offset ?? -1],
    )
    tell({ e: 'assign', t, group, generation, places })
  },
  onRevoked(given) {
    const partitions = given.map(({ partition }) => partition)
    for (const partition of partitions) positions.delete(partition)
    tell({ e: 'revoke', t: monotonicMs(), group, partitions })
  },
})
ending.signal.addEventListener('abort', () => void consumer.close())

const text = (value: Uint8Array | null): string => Buffer.from(value ?? []).toString()

/** What has been read, by this member as of this moment. False when it was refused. */
async function commit(): Promise<boolean> {
  const offsets = [...positions]
  if (offsets.length === 0) return true
  try {
    const { generationId: generation } = consumer.groupMetadata()
    const t0 = monotonicMs()
    await consumer.commit()
    tell({ e: 'commit', t0, t: monotonicMs(), group, generation, offsets })
    return true
  } catch (error) {
    tellTrouble('commit', error)
    return false
  }
}

async function commits(): Promise<void> {
  let committed = 0
  while (!ending.signal.aborted) {
    await pause(COMMIT_INTERVAL_MS)
    const upTo = read
    if (upTo === committed) continue
    if (await commit()) committed = upTo
  }
}

async function reads(): Promise<void> {
  for await (const batch of consumer.batches()) {
    if (ending.signal.aborted) break
    const { generationId: generation } = consumer.groupMetadata()
    const values = [...batch].map(({ value }) => text(value))
    const { partition, baseOffset: from } = batch
    tell({ e: 'read', t: monotonicMs(), group, generation, partition, from, values })
    positions.set(partition, batch.lastOffset + 1)
    read += 1
  }
}

tell({ e: 'ready' })
await Promise.all([reads(), commits()])
await kafka.close()
