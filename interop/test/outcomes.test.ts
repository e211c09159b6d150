import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { clients } from '../clients.ts'
import { scenarios } from '../scenarios/index.ts'

const outcomes = JSON.parse(readFileSync(new URL('../outcomes.json', import.meta.url), 'utf8')) as Record<
  string,
  Record<string, { outcome: string }>
>

test('every client has an outcome for every scenario, and none is a failure', () => {
  assert.deepEqual(
    Object.keys(outcomes),
    clients.map(({ name }) => name),
  )
  for (const [client, cells] of Object.entries(outcomes)) {
    assert.deepEqual(
      Object.keys(cells),
      scenarios.map(({ name }) => name),
      client,
    )
    const failed = Object.entries(cells).filter(([, { outcome }]) => outcome !== 'pass' && outcome !== 'n/a')
    assert.deepEqual(failed, [], client)
  }
})

/** What these clients do is promised: a client that can no longer do it is a cell lost, not one that does not apply. */
const promised: Record<string, string[]> = {
  'group-of-3': [
    'kcat',
    'kafkajs',
    'platformatic',
    'java-4.3',
    'java-3.9',
    'franz-go',
    'confluent-python',
    'kafka-python',
  ],
  'group-of-3-cooperative': [
    'kcat',
    'platformatic',
    'java-4.3',
    'java-3.9',
    'franz-go',
    'confluent-python',
    'kafka-python',
  ],
  'group-static': ['kcat', 'platformatic', 'java-4.3', 'java-3.9', 'franz-go', 'confluent-python', 'kafka-python'],
  'consumer-protocol-of-3': ['platformatic', 'java-4.3', 'franz-go', 'confluent-python'],
  'consumer-protocol-static': ['platformatic', 'java-4.3', 'confluent-python'],
  'consumer-protocol-regex': ['java-4.3', 'franz-go', 'confluent-python'],
  'group-partitions-added': ['kcat', 'kafkajs', 'java-4.3', 'java-3.9', 'franz-go', 'confluent-python', 'kafka-python'],
  'consumer-protocol-partitions-added': ['java-4.3', 'franz-go', 'confluent-python'],
  commit: ['kafkajs', 'platformatic', 'java-4.3', 'java-3.9', 'franz-go', 'confluent-python', 'kafka-python'],
  'commit-async': ['java-4.3', 'java-3.9', 'franz-go', 'confluent-python', 'kafka-python'],
  transactions: ['kafkajs', 'java-4.3', 'java-3.9', 'franz-go', 'confluent-python', 'kafka-python'],
  'transactions-offsets': ['kafkajs', 'java-4.3', 'java-3.9', 'franz-go', 'confluent-python', 'kafka-python'],
  'transactions-fencing': ['kafkajs', 'java-4.3', 'java-3.9', 'franz-go', 'confluent-python', 'kafka-python'],
}

test('groups, commits and transactions pass with the clients that have them', () => {
  for (const [scenario, names] of Object.entries(promised)) {
    const passed = Object.keys(outcomes).filter((client) => outcomes[client]![scenario]?.outcome === 'pass')
    assert.deepEqual(passed, names, scenario)
  }
  for (const scenario of ['commit-by-interval', 'commit-on-close']) {
    for (const { name } of clients) assert.equal(outcomes[name]![scenario]?.outcome, 'pass', `${name}, ${scenario}`)
  }
})
