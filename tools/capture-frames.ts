import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { goldenFile } from './capture/golden-file.ts'
import { Recorder } from './capture/recorder.ts'
import { scenes } from './capture/scenes.ts'
import { installApacheKafka, startApacheKafka } from './peers/apache-kafka.ts'
import { projectDir } from './peers/folders.ts'
import { exitOnSignals, freePort } from './peers/running-broker.ts'

/**
 * Records what clients and Apache Kafka 4.3.1 say to each other, as golden frames for the codec's tests:
 *
 *     node tools/capture-frames.ts [--client NAME]...
 *
 * Or what any client says to a broker that runs, until Ctrl-C; the broker must advertise the port listened on:
 *
 *     node tools/capture-frames.ts --upstream 9092 --listen 9192 --name my-client
 */
const { values } = parseArgs({
  options: {
    client: { type: 'string', multiple: true },
    upstream: { type: 'string' },
    listen: { type: 'string', default: '0' },
    name: { type: 'string', default: 'client' },
  },
})
const golden = join(projectDir, 'packages/protocol/test/golden/frames')
mkdirSync(golden, { recursive: true })

function write(client: string, broker: string, recorder: Recorder): void {
  const text = goldenFile(client, broker, recorder.take())
  writeFileSync(join(golden, `${client}.txt`), text)
  console.log(`${client}: ${text.split('\n').length - 2} frames`)
}

if (values.upstream !== undefined) {
  const recorder = await Recorder.listen(Number(values.upstream), Number(values.listen))
  console.log(`127.0.0.1:${recorder.port} leads to 127.0.0.1:${values.upstream}; Ctrl-C writes and ends`)
  process.once('SIGINT', async () => {
    write(values.name, `the broker on port ${values.upstream}`, recorder)
    await recorder.close()
  })
} else {
  exitOnSignals()
  const chosen = scenes.filter(({ client }) => values.client === undefined || values.client.includes(client))
  await installApacheKafka('4.3.1')
  const dir = mkdtempSync(join(tmpdir(), 'capture-'))
  const port = await freePort()
  const recorder = await Recorder.listen(port)
  const authorizer = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'
  const broker = await startApacheKafka({
    dir,
    proxied: { port, advertisedPort: recorder.port },
    set: {
      'authorizer.class.name': authorizer,
      'super.users': 'User:ANONYMOUS',
      'group.initial.rebalance.delay.ms': '0',
      'share.coordinator.state.topic.replication.factor': '1',
      'share.coordinator.state.topic.min.isr': '1',
    },
  })
  try {
    for (const scene of chosen) {
      await scene.install()
      await scene.play(`localhost:${recorder.port}`)
      write(scene.client, 'Apache Kafka 4.3.1', recorder)
    }
  } finally {
    await broker.stop()
    await recorder.close()
    rmSync(dir, { recursive: true, force: true })
  }
}
