import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Installed, run } from './folders.ts'
import { classPath, installJars } from './maven.ts'
import { awaitAnswers, endProcess, freePort, type RunningBroker, track } from './running-broker.ts'

export const apacheKafkaVersions = ['4.3.1', '3.9.2'] as const
export type ApacheKafkaVersion = (typeof apacheKafkaVersions)[number]

const folder = (version: ApacheKafkaVersion) => `kafka-${version}`

/** Broker and tools of one Apache Kafka release, with a logging binding of the kind that release uses. */
export function installApacheKafka(version: ApacheKafkaVersion): Promise<Installed> {
  const binding =
    version === '3.9.2'
      ? ['org.slf4j:slf4j-reload4j:1.7.36']
      : ['org.apache.logging.log4j:log4j-slf4j-impl:2.25.4', 'org.apache.logging.log4j:log4j-1.2-api:2.25.4']
  return installJars(folder(version), [
    `org.apache.kafka:kafka_2.13:${version}`,
    `org.apache.kafka:kafka-tools:${version}`,
    ...binding,
  ])
}

/** The class path that runs Apache Kafka's broker and its tools. Install it first. */
export function apacheKafkaClassPath(version: ApacheKafkaVersion): string {
  return classPath(folder(version))
}

/** The JVM options that Kafka's own start script passes to a broker (heap as in its default, 1 GB). */
const brokerJvm = [
  '-Xmx1G',
  '-Xms1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
]

/** Log lines at INFO on standard output, as the release is configured when it is unpacked. */
function loggingFile(version: ApacheKafkaVersion, dir: string): string {
  if (version === '3.9.2') {
    const file = join(dir, 'log4j.properties')
    const lines = [
      'log4j.rootLogger=INFO, stdout',
      'log4j.appender.stdout=org.apache.log4j.ConsoleAppender',
      'log4j.appender.stdout.layout=org.apache.log4j.PatternLayout',
      'log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n',
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    return `-Dlog4j.configuration=file:${file}`
  }
  const file = join(dir, 'log4j2.properties')
  const lines = [
    'rootLogger.level=INFO',
    'rootLogger.appenderRef.stdout.ref=STDOUT',
    'appender.stdout.type=Console',
    'appender.stdout.name=STDOUT',
    'appender.stdout.layout.type=PatternLayout',
    'appender.stdout.layout.pattern=[%d] %p %m (%c)%n',
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return `-Dlog4j2.configurationFile=${file}`
}

/** The settings of the file that a release ships for a single combined node, where they differ from the defaults. */
export const stockServerProperties: Readonly<Record<string, string>> = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'num.network.threads': '3',
  'num.io.threads': '8',
  'socket.send.buffer.bytes': '102400',
  'socket.receive.buffer.bytes': '102400',
  'socket.request.max.bytes': '104857600',
  'num.partitions': '1',
  'num.recovery.threads.per.data.dir': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'log.retention.hours': '168',
  'log.segment.bytes': '1073741824',
  'log.retention.check.interval.ms': '300000',
}

export interface ApacheKafkaOptions {
  version?: ApacheKafkaVersion
  /** Data, configuration and log file go here. A folder that was formatted before is started again as it is. */
  dir: string
  /** Default: a free port. */
  port?: number
  /** A second listener (named PROXIED) that advertises another port, where a proxy waits. */
  proxied?: { port: number; advertisedPort: number }
  /** Further listeners, by name. */
  listeners?: Record<string, { port: number; protocol: 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL' }>
  /** Broker settings over the stock ones. */
  set?: Record<string, string>
}

/** Starts one combined KRaft node and resolves when it answers. */
export async function startApacheKafka(options: ApacheKafkaOptions): Promise<RunningBroker> {
  const version = options.version ?? '4.3.1'
  const { dir } = options
  mkdirSync(dir, { recursive: true })
  const port = options.port ?? (await freePort())
  const controllerPort = await freePort()
  const listeners = [`PLAINTEXT://127.0.0.1:${port}`, `CONTROLLER://127.0.0.1:${controllerPort}`]
  const advertised = [`PLAINTEXT://localhost:${port}`]
  const protocols = ['PLAINTEXT:PLAINTEXT', 'CONTROLLER:PLAINTEXT']
  if (options.proxied !== undefined) {
    listeners.push(`PROXIED://127.0.0.1:${options.proxied.port}`)
    advertised.push(`PROXIED://localhost:${options.proxied.advertisedPort}`)
    protocols.push('PROXIED:PLAINTEXT')
  }
  for (const [name, listener] of Object.entries(options.listeners ?? {})) {
    listeners.push(`${name}://127.0.0.1:${listener.port}`)
    advertised.push(`${name}://localhost:${listener.port}`)
    protocols.push(`${name}:${listener.protocol}`)
  }
  const settings: Record<string, string> = {
    ...stockServerProperties,
    listeners: listeners.join(','),
    'advertised.listeners': advertised.join(','),
    'listener.security.protocol.map': protocols.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'log.dirs': join(dir, 'data'),
    ...options.set,
  }
  const file = join(dir, 'server.properties')
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  const java = ['-cp', apacheKafkaClassPath(version), loggingFile(version, dir)]
  if (!existsSync(join(dir, 'data', 'meta.properties'))) {
    const format = ['kafka.tools.StorageTool', 'format', '-t', 'b3R0bGEtcGVlci1rYWZrYQ', '-c', file]
    await run('java', [...java, '-Xmx256M', '-XX:TieredStopAtLevel=1', ...format], { timeoutMs: 60_000 })
  }
  const logFile = join(dir, 'server.log')
  const log = openSync(logFile, 'a')
  const spawnedMs = performance.now()
  const child = track(spawn('java', [...brokerJvm, ...java, 'kafka.Kafka', file], { stdio: ['ignore', log, log] }))
  closeSync(log)
  let answers: { answeredMs: number; metadataMs: number }
  try {
    answers = await awaitAnswers(port, spawnedMs, () => child.exitCode !== null)
  } catch (error) {
    await endProcess(child, 'SIGKILL')
    throw new Error(`Apache Kafka ${version}: ${(error as Error).message}\n${readFileSync(logFile).subarray(-3000)}`)
  }
  return {
    name: `Apache Kafka ${version}`,
    bootstrap: `localhost:${port}`,
    port,
    pid: child.pid!,
    dataDir: join(dir, 'data'),
    ...answers,
    stop: () => endProcess(child, 'SIGTERM'),
    kill: () => endProcess(child, 'SIGKILL'),
  }
}

/** Runs one of Apache Kafka's tools by class name, e.g. `org.apache.kafka.tools.DumpLogSegments`; returns its standard output. */
export async function runKafkaTool(
  toolClass: string,
  args: string[],
  options: { version?: ApacheKafkaVersion; heap?: string; timeoutMs?: number; anyExit?: boolean } = {},
): Promise<string> {
  const java = ['-cp', apacheKafkaClassPath(options.version ?? '4.3.1'), `-Xmx${options.heap ?? '256M'}`, '-server']
  const result = await run('java', [...java, '-XX:+UseG1GC', toolClass, ...args], options)
  return result.stdout.toString()
}
