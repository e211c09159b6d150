/** An idempotent producer of numbered records; those of the topic `requests` say what is to be transferred. */
import { Kafka, type KafkaError } from '@ottla/client'
import { type Acked, monotonicMs } from '../events.ts'
import { config, ending, pause, random, sessionName, tell, tellTrouble } from './worker.ts'

const { topic, partitions, role, bootstrap } = config
/** Records per second, and of one moment. */
const rate = role === 'numbers' ? 300 : 25
const burst = role === 'numbers' ? 10 : 4
const OUTSTANDING_MAX = 3000
const ACCOUNTS = 100

function contentOf(seq: number, session: string): string {
  if (role === 'numbers') return `${session}|${seq}`
  const from = random.below(ACCOUNTS)
  // The other one is in another partition of the ledger.
  const to = (from + 1 + random.below(partitions - 1) + partitions * random.below(ACCOUNTS / partitions)) % ACCOUNTS
  return `${session}|${seq}|${from}|${to}|${1 + random.below(1000)}`
}

const session = sessionName(1)
const kafka = new Kafka({ bootstrap, clientId: config.name })
const producer = kafka.producer({ deliveryTimeoutMs: 600_000, autoCreateTopics: false })
let seq = 0
let outstanding = 0
let acked: Acked[] = []

/** Everything that one response has acknowledged, in one line, before anything else runs. */
function tellAcked(): void {
  const records = acked
  acked = []
  tell({ e: 'ack', t: monotonicMs(), topic, session, records })
}

function onDelivery(number: number, error: KafkaError | null, place: { partition: number; offset: number } | null) {
  outstanding -= 1
  if (error !== null || place === null) {
    tellTrouble('send', error)
    return
  }
  if (acked.length === 0) queueMicrotask(tellAcked)
  acked.push([number, place.partition, place.offset])
}

tell({ e: 'ready' })
const beganMs = monotonicMs()
while (!ending.signal.aborted) {
  const due = ((monotonicMs() - beganMs) * rate) / 1000
  while (seq < due && outstanding < OUTSTANDING_MAX) {
    const partition = Math.floor(seq / burst) % partitions
    for (let i = 0; i < burst; i++) {
      const number = seq++
      outstanding += 1
      producer.produce(topic, { partition, value: contentOf(number, session) }, (error, place) =>
        onDelivery(number, error, place),
      )
    }
  }
  await pause(20)
}
await producer.close({ timeoutMs: 60_000 })
await kafka.close()
