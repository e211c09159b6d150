/**
 * Exactly once into an outside database: the results and the offsets behind them are written in one SQL transaction, and reading
 * goes on where the database has got to, whatever the group has committed.
 *
 *     npx node examples/exactly-once-sql.ts totals.db
 */
import { DatabaseSync } from 'node:sqlite'
import { Kafka } from '@ottla/client'

const db = new DatabaseSync(process.argv[2] ?? 'totals.db')
db.exec(`
  CREATE TABLE IF NOT EXISTS totals (customer TEXT PRIMARY KEY, amount INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);
`)
const nextOf = db.prepare('SELECT next FROM offsets WHERE partition = ?')
const add = db.prepare(
  'INSERT INTO totals VALUES (?, ?) ON CONFLICT (customer) DO UPDATE SET amount = amount + excluded.amount',
)
const advance = db.prepare(
  'INSERT INTO offsets VALUES (?, ?) ON CONFLICT (partition) DO UPDATE SET next = excluded.next',
)

const kafka = new Kafka({ bootstrap: process.env.OTTLA_BOOTSTRAP ?? 'localhost:9092' })
const consumer = kafka.consumer({
  group: 'totals',
  topics: ['orders'],
  from: 'earliest',
  autoCommit: false,
  instanceId: 'totals-1',
  onAssigned: (partitions) => {
    for (const place of partitions) {
      const row = nextOf.get(place.partition) as { next: number } | undefined
      consumer.seek(place, row?.next ?? 'earliest')
    }
  },
})
for await (const batch of consumer.batches()) {
  db.exec('BEGIN')
  for (const { key, value } of batch) add.run(String(key), JSON.parse(String(value)).amount)
  advance.run(batch.partition, batch.lastOffset + 1)
  db.exec('COMMIT')
  console.log(`added orders-${batch.partition} up to ${batch.lastOffset}`)
}
