/**
 * Runs an Apache Kafka broker or one of its tools by hand, from what install.ts installed.
 *
 *     node tools/peers/kafka.ts start --dir /tmp/kafka [--port 9092] [--version 4.3.1] [--set name=value]...
 *     node tools/peers/kafka.ts tool org.apache.kafka.tools.DumpLogSegments --files 00000000000000000000.log
 *
 * `start` prints one JSON line when the broker answers and ends with it on SIGINT or SIGTERM.
 */
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { type ApacheKafkaVersion, apacheKafkaClassPath, startApacheKafka } from './apache-kafka.ts'

const [verb, ...rest] = process.argv.slice(2)
if (verb === 'start') {
  const { values } = parseArgs({
    args: rest,
    options: {
      dir: { type: 'string' },
      port: { type: 'string' },
      version: { type: 'string', default: '4.3.1' },
      set: { type: 'string', multiple: true, default: [] },
    },
  })
  if (values.dir === undefined) throw new Error('--dir is needed')
  const broker = await startApacheKafka({
    dir: values.dir,
    version: values.version as ApacheKafkaVersion,
    port: values.port === undefined ? undefined : Number(values.port),
    set: Object.fromEntries(values.set.map((pair) => [pair.split('=', 1)[0]!, pair.slice(pair.indexOf('=') + 1)])),
  })
  const { port, bootstrap, pid } = broker
  console.log(JSON.stringify({ event: 'ready', port, bootstrap, pid }))
  const held = setInterval(() => {}, 60_000)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => broker.stop().then(() => clearInterval(held)))
  }
} else if (verb === 'tool' && rest.length > 0) {
  const child = spawn('java', ['-cp', apacheKafkaClassPath('4.3.1'), '-Xmx512M', ...rest], { stdio: 'inherit' })
  child.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
} else {
  console.error('usage: node tools/peers/kafka.ts start --dir DIR [...] | tool CLASS [args]')
  process.exitCode = 2
}
