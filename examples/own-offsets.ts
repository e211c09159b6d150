/**
 * Reads on from where it stopped last time: the offsets are in a file of its own, written after the records they stand
 * behind have been dealt with. If it dies in between, those records come once more: at least once, never less.
 *
 *     npx node examples/own-offsets.ts offsets.json
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Kafka } from '@ottla/client'

const file = process.argv[2] ?? 'offsets.json'
const next: Record<string, number> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}

/** Replaces the file in one step, so that it is never half written. */
function save(): void {
  writeFileSync(`${file}.new`, JSON.stringify(next))
  renameSync(`${file}.new`, file)
}

const kafka = new Kafka({ bootstrap: process.env.OTTLA_BOOTSTRAP ?? 'localhost:9092', clientId: 'example-reader' })
try {
  const ends = await kafka.admin.topicOffsets('orders', 'latest')
  const assign = ends.map(({ offset }, partition) => ({
    topic: 'orders',
    partition,
    from: next[partition] ?? ('earliest' as const),
    until: offset,
  }))
  let count = 0
  for await (const batch of kafka.consumer({ assign, reset: 'earliest' }).batches()) {
    for (const record of batch) {
      // The work goes here. It may see a record twice, so give it the same outcome twice: here, by its offset.
      console.log(`${batch.partition}/${record.offset} ${record.value}`)
      count++
    }
    next[batch.partition] = batch.lastOffset + 1
    save()
  }
  console.log(`${count} new orders`)
} finally {
  await kafka.close()
}
