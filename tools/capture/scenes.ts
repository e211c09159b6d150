import { clients } from '../../interop/clients.ts'
import { type ProducedRecord, type Request, Unsupported } from '../../interop/contract.ts'
import { Program } from '../../interop/program.ts'
import { runKafkaTool } from '../peers/apache-kafka.ts'
import { run } from '../peers/folders.ts'
import { kcatProgram } from '../peers/kcat.ts'

/** What a client does while its frames are recorded. Whether it succeeds does not matter: what it says does. */
export interface Scene {
  readonly client: string
  readonly install: () => Promise<unknown>
  play(bootstrap: string): Promise<void>
}

const TIMEOUT_MS = 60_000

async function attempt(what: string, doing: () => Promise<unknown>): Promise<void> {
  try {
    await doing()
  } catch (error) {
    if (!(error instanceof Unsupported))
      console.log(`  ${what}: ${(error as Error).message.split('\n')[0].slice(0, 150)}`)
  }
}

/** The programs of `interop/`: topics, configurations, records, offsets. */
const programs: Scene[] = clients.map(({ name, install, command }) => ({
  client: name,
  install,
  async play(bootstrap) {
    const program = new Program(command(), TIMEOUT_MS)
    const topic = `captured-${name}`
    const records: ProducedRecord[] = [{ key: 'k', value: 'v', headers: [['h', 'x']] }]
    const produce = { op: 'produce', topic, partition: 0, acks: -1, records } as const
    const asked: Request[] = [
      { op: 'listTopics' },
      { op: 'createTopic', topic, partitions: 2, configs: { 'retention.ms': '3600000' } },
      { op: 'describeTopic', topic },
      { ...produce, codec: 'none', idempotent: false },
      { ...produce, codec: 'gzip', idempotent: true },
      { op: 'offsets', topic, partition: 0, at: [-2, -1, 0] },
      { op: 'consume', topic, partition: 0, offset: 0, count: 2 },
      { op: 'createPartitions', topic, total: 3 },
      { op: 'describeConfigs', topic, names: ['retention.ms'] },
      { op: 'alterConfigs', topic, set: { 'retention.ms': '7200000' } },
      { op: 'deleteTopic', topic },
    ]
    for (const request of asked) await attempt(request.op, () => program.ask(bootstrap, request))
    await program.close()
  },
}))

const kcatGroup: Scene = {
  client: 'kcat-group',
  install: async () => {},
  async play(bootstrap) {
    const to = ['-b', bootstrap, '-t', 'captured-group']
    await run(kcatProgram(), ['-P', ...to], { input: 'a\nb\n', timeoutMs: TIMEOUT_MS })
    const group = ['-b', bootstrap, '-G', 'kcat', '-X', 'auto.offset.reset=earliest', '-e', 'captured-group']
    await attempt('group', () => run(kcatProgram(), group, { timeoutMs: TIMEOUT_MS }))
  },
}

/** Apache Kafka's own tools: groups of all kinds, transactions, and the administration that only they do. */
const tools: readonly (readonly [tool: string, ...args: string[]])[] = [
  ['TopicCommand', '--create', '--topic', 'tools', '--partitions', '2'],
  ['ProducerPerformance', '--topic', 'tools', '--num-records', '20', '--record-size', '10', '--throughput', '-1'],
  ['consumer.ConsoleConsumer', '--topic', 'tools', '--group', 'classic', '--max-messages', '5', '--from-beginning'],
  ['consumer.ConsoleConsumer', '--topic', 'tools', '--group', 'modern', '--max-messages', '5', '--from-beginning'],
  ['consumer.ConsoleShareConsumer', '--topic', 'tools', '--group', 'share', '--timeout-ms', '4000'],
  ['consumer.group.ConsumerGroupCommand', '--describe', '--all-groups', '--members', '--verbose'],
  ['consumer.group.ConsumerGroupCommand', '--describe', '--group', 'classic'],
  ['consumer.group.ConsumerGroupCommand', '--list', '--state'],
  ['consumer.group.ConsumerGroupCommand', '--delete-offsets', '--group', 'classic', '--topic', 'tools'],
  ['consumer.group.ConsumerGroupCommand', '--delete', '--group', 'modern'],
  ['consumer.group.ShareGroupCommand', '--describe', '--group', 'share'],
  ['consumer.group.ShareGroupCommand', '--describe', '--group', 'share', '--members'],
  ['TransactionsCommand', 'list'],
  ['TransactionsCommand', 'describe', '--transactional-id', 'captured'],
  ['TransactionsCommand', 'describe-producers', '--topic', 'tools', '--partition', '0'],
  ['ClusterTool', 'list-endpoints'],
  ['LogDirsCommand', '--describe', '--topic-list', 'tools'],
  ['MetadataQuorumCommand', 'describe', '--status'],
  ['FeatureCommand', 'describe'],
  ['AclCommand', '--add', '--allow-principal', 'User:a', '--operation', 'Read', '--topic', 'tools'],
  ['AclCommand', '--list'],
  ['AclCommand', '--remove', '--force', '--allow-principal', 'User:a', '--operation', 'Read', '--topic', 'tools'],
  ['LeaderElectionCommand', '--election-type', 'preferred', '--all-topic-partitions'],
  ['ClientMetricsCommand', '--alter', '--name', 'all', '--metrics', 'org.apache.kafka', '--interval', '1000'],
  ['ClientMetricsCommand', '--list'],
  ['reassign.ReassignPartitionsCommand', '--list'],
]

/** How each tool is told the broker, where not by `--bootstrap-server`. */
const performanceArgs = (bootstrap: string) => [
  '--transactional-id',
  'captured',
  '--transaction-duration-ms',
  '1000',
  '--producer-props',
  `bootstrap.servers=${bootstrap}`,
]

const javaTools: Scene = {
  client: 'java-tools-4.3',
  install: async () => {},
  async play(bootstrap) {
    for (const [tool, ...args] of tools) {
      const more = tool === 'ProducerPerformance' ? performanceArgs(bootstrap) : ['--bootstrap-server', bootstrap]
      if (args.includes('modern') && args.includes('--topic'))
        more.push('--consumer-property', 'group.protocol=consumer')
      // Their commands stand behind the options, but for one tool.
      const first = args[0].startsWith('--') || tool === 'ClusterTool'
      const ordered = first ? [...args, ...more] : [...more, ...args]
      const options = { timeoutMs: TIMEOUT_MS, heap: '128M' }
      await attempt(`${tool} ${args[0]}`, () => runKafkaTool(`org.apache.kafka.tools.${tool}`, ordered, options))
    }
    const configs = ['--bootstrap-server', bootstrap, '--entity-type', 'users', '--entity-name', 'a']
    const set = (config: string) => ['--alter', '--add-config', config]
    const changes = [set('producer_byte_rate=1000000'), set('SCRAM-SHA-256=[iterations=4096,password=secret]')]
    for (const args of [...changes, ['--describe']]) {
      await attempt('ConfigCommand', () =>
        runKafkaTool('kafka.admin.ConfigCommand', [...configs, ...args], { heap: '128M' }),
      )
    }
  },
}

export const scenes: readonly Scene[] = [...programs, kcatGroup, javaTools]
