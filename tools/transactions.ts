/**
 * Tries what a transactional producer promises against our broker and against Apache Kafka, whose own versions of the protocol
 * for transactions differ: 4.3.1 as it comes (KIP-890), the same with transaction.version 0, and 3.9.2.
 *
 *   node tools/transactions.ts                     all of it
 *   node tools/transactions.ts --only timeouts     the scenarios with that in their name
 *   node tools/transactions.ts --broker 3.9.2      only that one: ottla, 4.3.1, 4.3.1-downgraded or 3.9.2
 *   node tools/transactions.ts --seed 7            other choices
 *
 * Needs `node tools/peers/install.ts kafka-4.3.1 kafka-3.9.2`. Ends with one line of totals, 0 or 1.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FrameProxy } from '../interop/frame-proxy.ts'
import { Witness } from '../packages/client/test/support/transactions/read-committed.ts'
import { scenarios } from '../packages/client/test/support/transactions/scenarios.ts'
import { refuse, toolArguments } from './arguments.ts'
import { type ApacheKafkaVersion, runKafkaTool, startApacheKafka } from './peers/apache-kafka.ts'
import { startOttla } from './peers/ottla.ts'
import { exitOnSignals, freePort, type RunningBroker } from './peers/running-broker.ts'

interface Peer {
  readonly name: string
  /** Null: our own. */
  readonly version: ApacheKafkaVersion | null
  readonly implicit: boolean
}

const peers: readonly Peer[] = [
  { name: 'ottla', version: null, implicit: true },
  { name: '4.3.1', version: '4.3.1', implicit: true },
  { name: '4.3.1-downgraded', version: '4.3.1', implicit: false },
  { name: '3.9.2', version: '3.9.2', implicit: false },
]

const { values } = toolArguments(import.meta.url, {
  only: { type: 'string', default: '' },
  broker: { type: 'string' },
  seed: { type: 'string', default: '1' },
})
const seed = Number(values.seed)
if (!Number.isSafeInteger(seed)) refuse('--seed is a whole number')
const chosenPeers = peers.filter(({ name }) => values.broker === undefined || values.broker === name)
const chosen = scenarios.filter(({ name }) => name.includes(values.only))
if (chosenPeers.length === 0) refuse(`--broker is one of ${peers.map(({ name }) => name).join(', ')}`)
if (chosen.length === 0) refuse('--only fits no scenario')

exitOnSignals()
let passed = 0
let failed = 0

/** All chosen scenarios against one broker, which `start` starts again on what it left. */
async function drive(peer: Peer, start: () => Promise<RunningBroker>, proxy: FrameProxy): Promise<void> {
  let broker = await start()
  try {
    await driveStarted(peer, broker, proxy, async () => {
      await broker.kill()
      broker = await start()
    })
  } finally {
    await broker.stop()
  }
}

async function driveStarted(
  peer: Peer,
  broker: RunningBroker,
  proxy: FrameProxy,
  bounce: () => Promise<void>,
): Promise<void> {
  if (peer.version === '4.3.1' && !peer.implicit) {
    const level = ['downgrade', '--feature', 'transaction.version=0']
    await runKafkaTool('org.apache.kafka.tools.FeatureCommand', ['--bootstrap-server', broker.bootstrap, ...level])
  }
  const witness = new Witness(`127.0.0.1:${broker.port}`)
  for (const scenario of chosen) {
    const began = performance.now()
    try {
      const what = await scenario.run({
        bootstrap: `127.0.0.1:${proxy.port}`,
        witness,
        implicit: peer.implicit,
        seed,
        cut: (apiKey, when) => proxy.arm({ at: when === 'before' ? 'request' : 'response', apiKey }),
        uncut: () => proxy.disarm(),
        bounce,
      })
      passed += 1
      console.log(`ok   ${peer.name}: ${scenario.name} (${Math.round(performance.now() - began)} ms) ${what}`)
    } catch (error) {
      failed += 1
      console.log(`FAIL ${peer.name}: ${scenario.name}: ${(error as Error).stack}`)
    }
  }
  witness.close()
}

const COMPLAINTS_MAX = 30

/** The last lines of a broker's log that are more than news. */
function complaintsIn(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').split('\n')
  const complaints = lines.filter((line) => /\b(warn|error)\b/i.test(line)).slice(-COMPLAINTS_MAX)
  return [`what the broker complained of last:`, ...complaints].join('\n')
}

for (const peer of chosenPeers) {
  const dir = mkdtempSync(join(tmpdir(), 'ottla-transactions-'))
  const proxiedPort = await freePort()
  const proxy = await FrameProxy.listen(() => proxiedPort)
  const port = await freePort()
  const proxied = { port: proxiedPort, advertisedPort: proxy.port }
  const set = {
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
    'group.initial.rebalance.delay.ms': '0',
  }
  const { version } = peer
  const failedBefore = failed
  const start = () =>
    version === null ? startOttla({ dir, port, proxied, set }) : startApacheKafka({ dir, version, port, proxied, set })
  try {
    await drive(peer, start, proxy)
  } finally {
    await proxy.close()
    if (failed > failedBefore) console.log(complaintsIn(join(dir, 'server.log')))
    rmSync(dir, { recursive: true, force: true })
  }
}
console.log(`transactions: ${passed} passed, ${failed} failed, seed ${seed}`)
process.exit(failed === 0 ? 0 : 1)
