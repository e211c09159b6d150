// Our declarations against what Apache Kafka 3.9.2 and 4.4.0 declare. kafka-configs.tsv is a list made by us of the
// facts in their ConfigDefs: release (3.9, 4.4 or both), scope, name, type, default, allowed values, update mode.
// We follow 4.4; of keys that 4.4 dropped we follow 3.9. Every difference must carry its reason in the declaration.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { brokerProperties, brokerProperty, topicProperties, topicProperty } from '../../src/config/catalogue.ts'
import type { Property } from '../../src/config/property.ts'
import { formatValue, parseValue } from '../../src/config/value.ts'

interface Fact {
  readonly release: string
  readonly scope: string
  readonly name: string
  readonly type: string
  readonly default: string
  readonly allowed: string
  readonly update: string
  readonly internal: string
}

function readFacts(): Fact[] {
  const text = readFileSync(new URL('./kafka-configs.tsv', import.meta.url), 'utf8')
  const [header, ...rows] = text.replace(/\n$/, '').split('\n')
  const columns = header.split('\t')
  return rows.map((row) => {
    const cells = row.split('\t')
    return Object.fromEntries(columns.map((column, i) => [column, cells[i]])) as unknown as Fact
  })
}

const facts = readFacts()
const find = ({ scope, name }: Fact) => (scope === 'topic' ? topicProperty(name) : brokerProperty(name))
const key = ({ scope, name }: Fact) => `${scope} ${name}`

/** The release we follow for each key. */
const followed = new Map<string, Fact>()
for (const fact of facts) {
  if (fact.release !== '3.9' || !followed.has(key(fact))) followed.set(key(fact), fact)
}

function allowedOf(property: Property): string {
  const { min, max, also, oneOf, ignoreCase, form } = property
  if (form !== undefined) return form
  if (oneOf !== undefined)
    return [...oneOf]
      .map((w) => (ignoreCase ? w.toLowerCase() : w))
      .sort()
      .join('|')
  if (min === undefined) return ''
  return `${min}..${max ?? ''}${also === undefined ? '' : `|${also}`}`
}

function defaultOf(property: Property): string {
  return property.type === 'password' ? '<null>' : (formatValue(property, property.default) ?? '<null>')
}

function differences(fact: Fact, property: Property): string[] {
  const pairs = [
    ['type', fact.type, property.type],
    ['default', fact.default, defaultOf(property)],
    ['allowed', fact.allowed, allowedOf(property)],
    ['update', fact.scope === 'topic' ? 'read-only' : fact.update, property.update ?? 'read-only'],
    ['internal', fact.internal, property.internal ? 'internal' : ''],
  ]
  return pairs.filter(([, theirs, ours]) => theirs !== ours).map(([what, a, b]) => `${what}: Kafka ${a}, ours ${b}`)
}

test('the list holds every key of both releases', () => {
  const count = (release: string, scope: string) =>
    facts.filter((fact) => fact.scope === scope && (fact.release === release || fact.release === 'both')).length
  assert.deepEqual(
    [count('4.4', 'broker'), count('4.4', 'topic'), count('3.9', 'broker'), count('3.9', 'topic')],
    [379, 38, 329, 36],
  )
})

test('every key of Kafka is declared, in the release that has it', () => {
  for (const fact of followed.values()) {
    const property = find(fact)
    assert.ok(property !== undefined, `${key(fact)} is not declared`)
    const releases = facts.filter((other) => key(other) === key(fact)).map(({ release }) => release)
    const only = releases.includes('both') || releases.length === 2 ? undefined : releases[0] === '3.9' ? '3.9' : '4'
    assert.equal(property.only, only, key(fact))
  }
})

test('type, default, bounds and update mode are those of Kafka, or the declaration says why not', () => {
  for (const fact of followed.values()) {
    const property = find(fact)!
    const found = differences(fact, property)
    if (property.differs === undefined) assert.deepEqual(found, [], key(fact))
    else assert.notDeepEqual(found, [], `${key(fact)} gives a reason for a difference that does not exist`)
  }
})

test('the differences from Kafka are these and no others', () => {
  const names = [...followed.values()].filter((fact) => differences(fact, find(fact)!).length > 0).map(key)
  assert.deepEqual(names, [
    'broker broker.id',
    'broker controller.listener.names',
    'broker group.initial.rebalance.delay.ms',
    'broker group.max.size',
    'broker inter.broker.protocol.version',
    'broker listener.security.protocol.map',
    'broker listeners',
    'broker log.cleaner.backoff.ms',
    'broker log.cleaner.dedupe.buffer.size',
    'broker log.cleaner.io.buffer.load.factor',
    'broker log.cleaner.io.max.bytes.per.second',
    'broker log.dir',
    'broker log.message.format.version',
    'broker log.segment.bytes',
    'broker max.connection.creation.rate',
    'broker max.connections',
    'broker max.connections.per.ip',
    'broker max.connections.per.ip.overrides',
    'broker node.id',
    'broker process.roles',
    'broker producer.id.expiration.ms',
    'broker queued.max.request.bytes',
    'broker socket.listen.backlog.size',
    'topic message.format.version',
    'topic segment.bytes',
  ])
})

test('our own additions are these and no others', () => {
  const known = new Set(followed.keys())
  const added = [
    ...Object.keys(brokerProperties).map((name) => `broker ${name}`),
    ...Object.keys(topicProperties).map((name) => `topic ${name}`),
  ].filter((name) => !known.has(name))
  assert.deepEqual(added.sort(), [
    // Read by Kafka's authorizer, not by its broker.
    'broker allow.everyone.if.no.acl.found',
    // Kafka knows these as dynamic configs only.
    'broker follower.replication.throttled.rate',
    'broker leader.replication.throttled.rate',
    'broker ottla.http.listener',
    'broker ottla.log.record.validation',
    'broker ottla.max.disk.bytes',
    'broker ottla.min.free.disk.bytes',
    'broker ottla.preauth.timeout.ms',
    'broker replica.alter.log.dirs.io.max.bytes.per.second',
    'broker super.users',
  ])
})

test('every default is a value that its own property allows', () => {
  for (const table of [brokerProperties, topicProperties]) {
    for (const [name, property] of Object.entries<Property>(table)) {
      const text = formatValue(property, property.default)
      if (text === null) continue
      assert.deepEqual(parseValue(property, text), { ok: true, value: property.default }, name)
    }
  }
})

test('every declaration describes itself', () => {
  for (const table of [brokerProperties, topicProperties]) {
    for (const [name, property] of Object.entries<Property>(table)) {
      assert.match(property.description, /^[A-Z`].*[.]$/, name)
      if (/(\.ms|\.minutes|\.hours|seconds|\.secs)$/.test(name)) {
        assert.match(property.description, /\b(ms|minutes|hours|seconds|limits|value|bound)\b/i, `${name} has no unit`)
      }
      assert.equal(property.reason === '', property.kind === 'effective', name)
    }
  }
})
