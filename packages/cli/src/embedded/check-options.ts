/** What a program without types gets wrong would otherwise be taken for something else, or for nothing. */
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import { nearestName } from '@ottla/runtime'
import type { SeedRecord } from './seed.ts'
import type { StartBrokerOptions, TopicOptions } from './start-broker.ts'

const LARGEST_PORT = 65_535
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent']
const SHOWN_CHARS = 60

const OPTIONS = namesOf<StartBrokerOptions>({
  topics: true,
  records: true,
  dir: true,
  port: true,
  listeners: true,
  config: true,
  logLevel: true,
})
const TOPIC_OPTIONS = namesOf<TopicOptions>({ partitions: true, configs: true })
const RECORD_FIELDS = namesOf<SeedRecord>({ key: true, value: true, headers: true, partition: true, timestamp: true })

function namesOf<T>(names: Readonly<Record<keyof T, true>>): readonly string[] {
  return Object.keys(names)
}

/** Throws a `TypeError` that names the option, and for a misspelt one that which was meant. Undefined counts as left out. */
export function checkOptions(options: StartBrokerOptions): void {
  if (!isObject(options)) throw new TypeError(`startBroker takes an object of options, not ${shown(options)}`)
  checkNames('startBroker', 'option', options, OPTIONS)
  const { topics, records, dir, port, listeners, config, logLevel } = options
  if (dir !== undefined) checkDir(dir)
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= LARGEST_PORT)) {
    throw new TypeError(`port is a whole number from 0 to ${LARGEST_PORT}, not ${shown(port)}`)
  }
  if (listeners !== undefined && !isText(listeners)) {
    throw new TypeError(`listeners is a text such as PLAINTEXT://localhost:0, not ${shown(listeners)}`)
  }
  if (config !== undefined) checkConfigs('config', config)
  if (logLevel !== undefined && !LOG_LEVELS.includes(logLevel)) {
    const near = nearestName(String(logLevel), LOG_LEVELS)
    const help = near === null ? '' : `; did you mean ${near}?`
    throw new TypeError(`logLevel is one of ${LOG_LEVELS.join(', ')}, not ${shown(logLevel)}${help}`)
  }
  if (topics !== undefined) checkTopics(topics)
  if (records !== undefined) checkRecords(records)
}

function checkDir(dir: unknown): void {
  if (!isText(dir)) throw new TypeError(`dir is the path of a folder, not ${shown(dir)}; in memory without it`)
  if (resolve(dir).includes(',')) {
    throw new TypeError(`dir has no comma in its path, since log.dirs is a list parted by commas: ${resolve(dir)}`)
  }
}

function checkTopics(topics: NonNullable<StartBrokerOptions['topics']>): void {
  if (Array.isArray(topics) ? !topics.every(isText) : !isObject(topics)) {
    throw new TypeError('topics is a list of names, or an object of names with partitions and configs')
  }
  if (Array.isArray(topics)) return
  for (const [name, options] of Object.entries(topics)) checkTopic(name, options)
}

/** What is said of one topic. */
export function checkTopic(name: string, options: TopicOptions): void {
  if (!isObject(options)) {
    throw new TypeError(`topics.${name} is an object with partitions and configs, not ${shown(options)}`)
  }
  checkNames(`topics.${name}`, 'option', options, TOPIC_OPTIONS)
  const { partitions, configs } = options
  if (partitions !== undefined && !Number.isSafeInteger(partitions)) {
    throw new TypeError(`topics.${name}: partitions is a whole number, not ${shown(partitions)}`)
  }
  if (configs !== undefined) checkConfigs(`topics.${name}.configs`, configs)
}

function checkConfigs(where: string, configs: unknown): void {
  if (!isObject(configs)) {
    throw new TypeError(`${where} is an object of Kafka's properties, not ${shown(configs)}`)
  }
  for (const [name, value] of Object.entries(configs)) {
    if (['string', 'number', 'boolean'].includes(typeof value)) continue
    throw new TypeError(`${where}: ${name} is a string, a number or a boolean, not ${shown(value)}`)
  }
}

function checkRecords(records: NonNullable<StartBrokerOptions['records']>): void {
  if (!isObject(records)) {
    throw new TypeError(`records is an object of topics with lists of records, not ${shown(records)}`)
  }
  for (const [topic, list] of Object.entries(records)) {
    if (!Array.isArray(list)) throw new TypeError(`records.${topic} is a list of records, not ${shown(list)}`)
    for (const record of list) {
      if (!isObject(record)) throw new TypeError(`a record of ${topic} is an object with key, value, …`)
      checkNames(`a record of ${topic}`, 'field', record, RECORD_FIELDS)
    }
  }
}

function checkNames(whose: string, what: string, given: object, names: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const near = nearestName(unknown, names)
  const help = near === null ? `it has ${names.join(', ')}` : `did you mean ${near}?`
  throw new TypeError(`${whose} has no ${what} ${unknown}; ${help}`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

function shown(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY })
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)}…`
}
