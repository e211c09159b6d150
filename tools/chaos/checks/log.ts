import type { AckEvent, ReadEvent } from '../events.ts'
import type { Findings } from './findings.ts'

/** `[partition, offset, value]` of every record of a topic, as its log has them at the end. */
export type LogRecord = readonly [partition: number, offset: number, value: string]

const placeOf = (partition: number, offset: number): string => `${partition}@${offset}`
/** Values begin with `session|sequence number`. */
const nameOf = (value: string): string => value.split('|', 2).join('|')

/**
 * One topic of numbered records: what was acknowledged is there, where it was said to be; nothing is there twice; a session's
 * records of one partition are in their order; what a group has read is what the log has.
 */
export class LogCheck {
  readonly #findings: Findings
  readonly #topic: string
  readonly #acked = new Map<string, string>()
  readonly #read = new Map<string, { readonly value: string; readonly by: string }>()
  readRecords = 0
  logRecords = 0

  constructor(topic: string, findings: Findings) {
    this.#topic = topic
    this.#findings = findings
  }

  get ackedRecords(): number {
    return this.#acked.size
  }

  onAck({ session, records }: AckEvent): void {
    for (const [seq, partition, offset] of records) {
      const name = `${session}|${seq}`
      const place = placeOf(partition, offset)
      const before = this.#acked.get(place)
      if (before !== undefined)
        this.#findings.add('lost', `${this.#topic} ${place}: acked as ${before}, then as ${name}`)
      this.#acked.set(place, name)
    }
  }

  onRead(by: string, { partition, from, values }: ReadEvent): void {
    values.forEach((value, i) => {
      const place = placeOf(partition, from + i)
      const before = this.#read.get(place)
      this.readRecords += 1
      if (before === undefined) this.#read.set(place, { value, by })
      else if (before.value !== value) {
        const what = `${this.#topic} ${place}: ${before.by} has read ${before.value}, ${by} ${value}`
        this.#findings.add('lost', what)
      }
    })
  }

  /** `all` is the log, each partition in its order. Returns the names of its records. */
  finish(all: readonly LogRecord[], readByGroup: boolean): Set<string> {
    const byPlace = new Map<string, string>()
    const places = new Map<string, string>()
    const latest = new Map<string, number>()
    for (const [partition, offset, value] of all) {
      const name = nameOf(value)
      const place = placeOf(partition, offset)
      const twin = places.get(name)
      if (twin !== undefined) this.#findings.add('duplicated', `${this.#topic}: ${name} is at ${twin} and at ${place}`)
      places.set(name, place)
      byPlace.set(place, value)
      const [session, seq] = name.split('|')
      const key = `${partition} ${session}`
      if (Number(seq) < (latest.get(key) ?? -1)) this.#findings.add('out of order', `${this.#topic} ${place}: ${name}`)
      latest.set(key, Number(seq))
    }
    this.logRecords = all.length
    for (const [place, name] of this.#acked) {
      const value = byPlace.get(place)
      if (value !== undefined && nameOf(value) === name) continue
      this.#findings.add('lost', `${this.#topic} ${place}: acked as ${name}, has ${value ?? 'nothing'}`)
    }
    for (const [place, { value, by }] of this.#read) {
      if (byPlace.get(place) === value) continue
      this.#findings.add('lost', `${this.#topic} ${place}: ${by} has read ${value}, has ${byPlace.get(place)}`)
    }
    if (readByGroup) {
      for (const [place, value] of byPlace) {
        if (!this.#read.has(place)) this.#findings.add('not read', `${this.#topic} ${place}: ${value}`)
      }
    }
    return new Set(places.keys())
  }
}
