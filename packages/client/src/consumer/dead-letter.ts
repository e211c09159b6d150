import type { Producer } from '../producer/producer.ts'
import type { BadRecord } from './decoder.ts'

const PREFIX = '__ottla.errors.'

/**
 * For `onBadRecord`: writes bad records to `topic`, with their key, value, headers and time as they came, and headers that say
 * where from and why: `__ottla.errors.topic`, `.partition`, `.offset`, `.part` (key or value) and `.message`. A record counts as
 * processed once it is written there; a producer that cannot write it ends the loop, and it comes again.
 *
 * ```ts
 * kafka.consumer({ …, onBadRecord: deadLetter(kafka.producer(), 'orders-bad') })
 * ```
 */
export function deadLetter(producer: Producer, topic: string): (bad: BadRecord) => Promise<void> {
  return async ({ key, value, headers, timestamp, error }) => {
    const why = Object.entries({
      topic: error.topic,
      partition: String(error.partition),
      offset: String(error.offset),
      part: error.part,
      message: error.message,
    }).map(([name, text]) => ({ key: `${PREFIX}${name}`, value: text }))
    // A record of a producer without a clock has -1, which cannot be written.
    const when = timestamp < 0 ? undefined : timestamp
    await producer.send(topic, { key, value, headers: [...headers, ...why], timestamp: when })
  }
}
