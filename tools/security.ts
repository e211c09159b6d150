/**
 * Tries how our client proves who it is, and whom it talks to, against Apache Kafka: TLS and mutual TLS, SASL with PLAIN, SCRAM and
 * OAUTHBEARER, over TLS and without, and saying it again before a session ends.
 *
 *   node tools/security.ts                  all of it, against 4.3.1 and 3.9.2
 *   node tools/security.ts --only tls       what has that in its name
 *   node tools/security.ts --broker 4.3.1   only that one
 *
 * Needs `node tools/peers/install.ts kafka-4.3.1 kafka-3.9.2`, and openssl. Ends with one line of totals, 0 or 1.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Kafka, type KafkaOptions } from '@ottla/client'
import type { Logger } from '@ottla/runtime'
import { nodeRuntime } from '@ottla/runtime/node'
import { refuse, toolArguments } from './arguments.ts'
import { type ApacheKafkaVersion, apacheKafkaVersions, runKafkaTool, startApacheKafka } from './peers/apache-kafka.ts'
import { Authority, type Certificate } from './peers/certificates.ts'
import { exitOnSignals, freePort } from './peers/running-broker.ts'

const { values } = toolArguments(import.meta.url, {
  only: { type: 'string', default: '' },
  broker: { type: 'string' },
})
const versions = apacheKafkaVersions.filter((version) => values.broker === undefined || version === values.broker)
if (versions.length === 0) refuse(`--broker is ${apacheKafkaVersions.join(' or ')}`)

/** A session of the listeners with SASL, so that several pass while one of our cases runs. */
const SESSION_MS = 2000

interface Ground {
  readonly ports: Readonly<Record<ListenerName, number>>
  readonly authority: Authority
  readonly stranger: Authority
  readonly own: Certificate
}
type ListenerName = keyof typeof protocols
const protocols = { TLS: 'SSL', MUTUAL: 'SSL', NAMED: 'SASL_PLAINTEXT', BOTH: 'SASL_SSL' } as const

interface Case {
  readonly name: string
  run(ground: Ground): Promise<void>
}

/** What the client warns of, but for leaders that are not known yet. */
class Warnings implements Logger {
  readonly level = 'warn'
  readonly seen: string[] = []
  trace(): void {}
  debug(): void {}
  info(): void {}
  warn(message: string, context?: object): void {
    const text = `${message} ${JSON.stringify(context)}`
    if (!text.includes('does not lead the partition')) this.seen.push(text)
  }
  error(message: string, context?: object): void {
    this.warn(message, context)
  }
}

let topics = 0

/** Writes and reads some records for so long; nothing may go wrong meanwhile, however often it has to say who it is. */
async function works(options: KafkaOptions, forMs = 0): Promise<void> {
  const logger = new Warnings()
  const topic = `secure-${topics++}`
  await using kafka = new Kafka(options, { ...nodeRuntime(), logger })
  await kafka.admin.createTopics([{ name: topic, partitions: 2 }])
  const producer = kafka.producer()
  const untilMs = Date.now() + forMs
  let sent = 0
  const seen = new Set<string>()
  const consumer = kafka.consumer({ group: topic, topics: [topic], from: 'earliest' })
  const all = Promise.withResolvers<void>()
  let isOver = false
  const reading = consumer.run({
    eachRecord: ({ value }) => {
      seen.add(String(value))
      if (isOver && seen.size === sent) all.resolve()
    },
  })
  do {
    await Promise.all(Array.from({ length: 10 }, () => producer.send(topic, { value: String(sent++) })))
    if (forMs > 0) await wait(20)
  } while (Date.now() < untilMs)
  isOver = true
  await producer.send(topic, { value: String(sent++) })
  await Promise.race([all.promise, reading])
  await consumer.close()
  await reading
  assert.equal(seen.size, sent)
  assert.deepEqual(logger.seen, [])
}

/** It is said at once, and not tried again and again. */
async function fails(options: KafkaOptions, code: string, message: RegExp): Promise<void> {
  await using kafka = new Kafka({ apiTimeoutMs: 8000, ...options }, { ...nodeRuntime(), logger: new Warnings() })
  await assert.rejects(kafka.admin.listTopics(), (error: { code?: string; message: string }) => {
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  })
}

const at = (ports: Ground['ports'], name: ListenerName) => ({ bootstrap: `localhost:${ports[name]}` })
const alice = { username: 'alice', password: 'alice=secret' }

/** A token that the broker's development validator takes: nobody has signed it. */
function unsecured(subject: string, lifetimeS = 3600): string {
  const seconds = Math.floor(Date.now() / 1000)
  const part = (data: object) => Buffer.from(JSON.stringify(data)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: seconds, exp: seconds + lifetimeS })}.`
}

const mechanisms = {
  plain: { mechanism: 'plain', ...alice },
  'scram-sha-256': { mechanism: 'scram-sha-256', ...alice },
  'scram-sha-512': { mechanism: 'scram-sha-512', ...alice },
  oauthbearer: { mechanism: 'oauthbearer', token: async () => ({ token: unsecured('alice') }) },
} as const

const cases: readonly Case[] = [
  {
    name: 'tls',
    run: ({ ports, authority }) => works({ ...at(ports, 'TLS'), tls: { ca: authority.cert } }),
  },
  {
    name: 'tls with an authority that nobody knows',
    run: ({ ports, stranger }) =>
      fails({ ...at(ports, 'TLS'), tls: { ca: stranger.cert } }, 'TLS_FAILED', /no TLS with/),
  },
  {
    name: 'tls with the authorities of the system',
    run: ({ ports }) => fails({ ...at(ports, 'TLS'), tls: true }, 'TLS_FAILED', /no TLS with/),
  },
  {
    name: 'tls with a peer of another name',
    run: ({ ports, authority }) =>
      fails(
        { ...at(ports, 'TLS'), tls: { ca: authority.cert, servername: 'kafka.example' } },
        'TLS_FAILED',
        /kafka\.example/,
      ),
  },
  {
    name: 'tls, whoever it is',
    run: ({ ports }) => works({ ...at(ports, 'TLS'), tls: { rejectUnauthorized: false } }),
  },
  {
    name: 'tls of both',
    run: ({ ports, authority, own }) =>
      works({ ...at(ports, 'MUTUAL'), tls: { ca: authority.cert, cert: own.cert, key: own.key } }),
  },
  {
    name: 'tls where the broker wants to know us',
    run: ({ ports, authority }) =>
      fails({ ...at(ports, 'MUTUAL'), tls: { ca: authority.cert } }, 'TLS_FAILED', /certificate/),
  },
  {
    name: 'tls with a listener that has none',
    run: ({ ports, authority }) =>
      fails(
        { ...at(ports, 'NAMED'), tls: { ca: authority.cert } },
        'CONNECTION_FAILED',
        /before secure TLS connection was established/,
      ),
  },
  {
    name: 'no tls with a listener that has it',
    run: ({ ports }) => fails(at(ports, 'TLS'), 'MALFORMED_RESPONSE', /TLS/),
  },
  ...Object.entries(mechanisms).flatMap(([name, sasl]): Case[] => [
    { name: `sasl: ${name}`, run: ({ ports }) => works({ ...at(ports, 'NAMED'), sasl }, 3 * SESSION_MS) },
    {
      name: `sasl: ${name} over tls`,
      run: ({ ports, authority }) => works({ ...at(ports, 'BOTH'), tls: { ca: authority.cert }, sasl }, 2 * SESSION_MS),
    },
  ]),
  ...(['plain', 'scram-sha-256', 'scram-sha-512'] as const).map(
    (mechanism): Case => ({
      name: `sasl: ${mechanism} with another password`,
      run: ({ ports }) =>
        fails(
          { ...at(ports, 'NAMED'), sasl: { mechanism, username: 'alice', password: 'guessed' } },
          'SASL_AUTHENTICATION_FAILED',
          /does not take us for who we say we are/,
        ),
    }),
  ),
  {
    name: 'sasl: oauthbearer with a token that is over',
    run: ({ ports }) =>
      fails(
        {
          ...at(ports, 'NAMED'),
          sasl: { mechanism: 'oauthbearer', token: () => ({ token: unsecured('alice', -3600) }) },
        },
        'SASL_AUTHENTICATION_FAILED',
        /\{"status":"invalid_token"/,
      ),
  },
  {
    name: 'sasl: a mechanism that is not offered',
    run: ({ ports }) =>
      fails(
        { ...at(ports, 'NAMED'), sasl: { name: 'GSSAPI', authenticate: () => Promise.resolve() } },
        'UNSUPPORTED_SASL_MECHANISM',
        /does not offer GSSAPI, but .*SCRAM-SHA-256/,
      ),
  },
  {
    name: 'sasl: none where it is expected',
    run: ({ ports }) => fails(at(ports, 'NAMED'), 'CONNECTION_CLOSED', /does it expect SASL\?/),
  },
]

const chosen = cases.filter(({ name }) => name.includes(values.only))
if (chosen.length === 0) refuse('--only fits nothing')

exitOnSignals()
let passed = 0
let failed = 0

async function drive(version: ApacheKafkaVersion): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'ottla-security-'))
  const authorities = ['ours', 'stranger'].map((name) => mkdtempSync(join(dir, name)))
  const [authority, stranger] = (await Promise.all(authorities.map((one) => Authority.make(one)))) as [
    Authority,
    Authority,
  ]
  const server = await authority.sign('server', ['localhost', '127.0.0.1'])
  const own = await authority.sign('alice', ['alice.example'])
  const ports = {} as Record<ListenerName, number>
  for (const name of Object.keys(protocols) as ListenerName[]) ports[name] = await freePort()
  const listeners = Object.fromEntries(
    Object.entries(protocols).map(([name, protocol]) => [name, { port: ports[name as ListenerName], protocol }]),
  )
  const modules = 'org.apache.kafka.common.security'
  const set: Record<string, string> = {
    'group.initial.rebalance.delay.ms': '0',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': server.store,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': authority.certFile,
    'listener.name.mutual.ssl.client.auth': 'required',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
  }
  for (const listener of ['named', 'both']) {
    const of = `listener.name.${listener}`
    const password = `password="x" user_${alice.username}="${alice.password}"`
    set[`${of}.plain.sasl.jaas.config`] = `${modules}.plain.PlainLoginModule required username="x" ${password};`
    for (const hash of ['256', '512']) {
      set[`${of}.scram-sha-${hash}.sasl.jaas.config`] = `${modules}.scram.ScramLoginModule required;`
    }
    const claim = 'unsecuredLoginStringClaim_sub="broker"'
    set[`${of}.oauthbearer.sasl.jaas.config`] = `${modules}.oauthbearer.OAuthBearerLoginModule required ${claim};`
    for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']) {
      set[`${of}.${mechanism}.connections.max.reauth.ms`] = String(SESSION_MS)
    }
  }
  const broker = await startApacheKafka({ dir, version, listeners, set })
  try {
    const alter = [
      '--bootstrap-server',
      broker.bootstrap,
      '--alter',
      '--entity-type',
      'users',
      '--entity-name',
      'alice',
    ]
    for (const hash of ['256', '512']) {
      const config = ['--add-config', `SCRAM-SHA-${hash}=[password=${alice.password}]`]
      await runKafkaTool('kafka.admin.ConfigCommand', [...alter, ...config], { version })
    }
    for (const one of chosen) {
      const beganMs = performance.now()
      try {
        await one.run({ ports, authority, stranger, own })
        passed += 1
        console.log(`ok   ${version}: ${one.name} (${Math.round(performance.now() - beganMs)} ms)`)
      } catch (error) {
        failed += 1
        console.log(`FAIL ${version}: ${one.name}: ${(error as Error).stack}`)
      }
    }
  } finally {
    await broker.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

for (const version of versions) await drive(version)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
