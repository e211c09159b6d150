import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { partitionFilters } from '../src/commands/topic/partition-filters.ts'
import { parseReplicaAssignment } from '../src/commands/topic/replica-assignment.ts'
import { startBroker, type TestBroker } from '../src/index.ts'
import { ottla } from './support/run.ts'

let broker: TestBroker

before(async () => {
  broker = await startBroker()
})

after(() => broker.close())

const run = (args: string) => ottla(args.split(' '), { env: { OTTLA_BOOTSTRAP: broker.bootstrap } })

async function ok(args: string): Promise<string> {
  const { stdout, stderr, code } = await run(args)
  assert.deepEqual({ stderr, code }, { stderr: '', code: 0 }, args)
  return stdout
}

/** Refused as a wrong command line with this sentence and nothing else. */
async function refused(args: string, sentence: string): Promise<void> {
  assert.deepEqual(await run(args), { code: 2, stdout: '', stderr: `ottla: ${sentence}\n` }, args)
}

test('-p is a partition, and whoever means something else learns how to say it', async () => {
  await refused('start -p 9092', '-p is a partition: --port names the port to listen on')
  const count = '-p is the number of one partition: --partitions says how many there are'
  const counting = ['topic create p -p 6', 'topic create -p6 p', 'topic alter p -p 6', 'bench -p 6']
  await Promise.all(counting.map((args) => refused(args, count)))
  await refused(
    'topic add-partitions p -p 6',
    '-p is the number of one partition: --num or --to says how many there are',
  )
  assert.doesNotMatch(await ok('topic list --names'), /^p$/m)
  const withoutIt = ['start', 'topic create', 'topic alter', 'topic add-partitions', 'bench']
  await Promise.all(
    withoutIt.map(async (command) => {
      assert.doesNotMatch(await ok(`${command} --help`), /-p[ ,]/, command)
      assert.doesNotMatch(await ok(`__complete ${command} -`), /^-?(p|undefined)$/m, command)
    }),
  )
  for (const command of ['produce', 'consume']) assert.match(await ok(`${command} --help`), /^ {2}-p, --partition /m)
})

test('kafka-topics --describe shows the partitions that are asked for', async () => {
  await ok('topic --create --topic fine --partitions 2 --config min.insync.replicas=1')
  await ok('topic --create --topic narrow --partitions 1 --config min.insync.replicas=2')
  const shown = async (filter: string) =>
    JSON.parse(await ok(`topic --describe ${filter} -o json`)).map((topic: { name: string; partitions: unknown[] }) => [
      topic.name,
      topic.partitions.length,
    ])
  assert.deepEqual(await shown('--at-min-isr-partitions'), [['fine', 2]])
  assert.deepEqual(await shown('--under-min-isr-partitions'), [['narrow', 1]])
  assert.deepEqual(await shown('--under-min-isr-partitions --topic fine'), [])
  assert.deepEqual(await shown('--unavailable-partitions'), [])
  // Scripts ask whether anything is printed.
  assert.equal(await ok('topic --describe --under-replicated-partitions'), '')
  assert.match(
    await ok('topic --describe --under-min-isr-partitions'),
    /^Topic narrow, [^\n]+\n[^\n]+\nPARTITION .+\n +0 /,
  )
  await refused(
    'topic describe --unavailable-partitions --at-min-isr-partitions',
    'give either --unavailable-partitions or --at-min-isr-partitions',
  )
  await refused('topic --describe --topic-id abc', '--topic-id: topics are named by their names here')
  assert.equal(await ok('topic --describe --topic nowhere --if-exists'), '')
  assert.equal(await ok('topic --alter --topic nowhere --if-exists --partitions 3'), 'nowhere was not there\n')
  await ok('topic create plain')
  const overrides = await ok('topic --describe --topics-with-overrides')
  assert.match(overrides, /^Topic fine, \S+ \S+\nSettings: min\.insync\.replicas=1\n\nTopic narrow, /)
  assert.doesNotMatch(overrides, /plain|PARTITION/)
  assert.equal(await ok('topic --list --exclude-internal --names'), 'fine\nnarrow\nplain\n')
  await refused('topic list --internal --exclude-internal', 'give either --internal or --exclude-internal')
})

test('which partitions a filter shows, by the replicas in sync', () => {
  const partition = (leader: number | null, replicas: number, isr: number) => ({
    leader,
    replicas: Array.from({ length: replicas }, (_, i) => i),
    isr: Array.from({ length: isr }, (_, i) => i),
  })
  const shownBy = (p: ReturnType<typeof partition>, minInSyncReplicas: number) =>
    Object.keys(partitionFilters).filter((flag) => partitionFilters[flag](p, minInSyncReplicas))
  assert.deepEqual(shownBy(partition(1, 3, 3), 2), [])
  assert.deepEqual(shownBy(partition(1, 3, 2), 2), ['--under-replicated-partitions', '--at-min-isr-partitions'])
  assert.deepEqual(shownBy(partition(1, 3, 1), 2), ['--under-replicated-partitions', '--under-min-isr-partitions'])
  assert.deepEqual(shownBy(partition(null, 1, 1), 1), ['--unavailable-partitions', '--at-min-isr-partitions'])
})

test('kafka-topics --replica-assignment places the partitions of a new topic', async () => {
  const { nodeId } = broker
  const created = await ok(`topic --create --topic placed --replica-assignment ${nodeId},${nodeId},${nodeId}`)
  assert.equal(created, 'created placed with 3 partitions\n')
  const elsewhere = await run('topic create placed2 --replica-assignment 77')
  assert.deepEqual([elsewhere.code, elsewhere.stdout], [1, ''])
  assert.match(elsewhere.stderr, /^ottla: .*77.*\n$/)
  await refused(
    'topic create x --replica-assignment 1,1 --partitions 2',
    '--replica-assignment says how many partitions and replicas there are: give it alone',
  )
  for (const verb of ['alter', 'add-partitions']) {
    await refused(
      `topic ${verb} placed --partitions 4 --replica-assignment 1,1,1,1`,
      '--replica-assignment places the partitions of a new topic only',
    )
  }
  assert.deepEqual(parseReplicaAssignment('1:2, 2:3'), [
    [1, 2],
    [2, 3],
  ])
  for (const [text, why] of [
    ['', /is broker:broker/],
    ['1,', /is broker:broker/],
    ['a:b', /is broker:broker/],
    ['-1', /is broker:broker/],
    ['2147483648', /is broker:broker/],
    ['1:2,3:3', /names broker 3 twice in 3:3/],
    ['1:2,3', /the same number of brokers/],
  ] as const) {
    assert.throws(() => parseReplicaAssignment(text), { name: 'UsageError', message: why }, text)
  }
})

test('kafka-configs in its own words', async (t) => {
  await ok('topic create conf')
  const conf = '--entity-type topics --entity-name conf'
  const at = `--bootstrap-server ${broker.bootstrap}`
  assert.equal(
    await ok(`config ${at} --alter ${conf} --add-config retention.ms=5,cleanup.policy=[compact,delete]`),
    'changed topic/conf\n',
  )
  const table = await ok(`config ${at} --describe ${conf}`)
  assert.match(table, /^cleanup\.policy +compact,delete +topic$/m)
  await ok(`config --alter ${conf} --delete-config retention.ms,cleanup.policy --add-config segment.ms=9`)
  assert.match(await ok(`config --describe ${conf}`), /^NAME +VALUE +SOURCE\nsegment\.ms +9 +topic\n$/)
  await ok('config --alter --topic conf --delete-config segment.ms')
  assert.equal(await ok('config --describe --topic conf'), 'topic/conf: all at the defaults; --all shows them\n')

  const folder = mkdtempSync(join(tmpdir(), 'ottla-cli-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'topic.properties')
  writeFileSync(file, '# comment\nretention.ms=7\ncleanup.policy=compact,delete\n')
  await ok(`config --alter ${conf} --add-config-file ${file}`)
  const rows = JSON.parse(await ok(`config --describe ${conf} -o json`)) as { name: string; value: string }[]
  assert.deepEqual(
    rows.map(({ name, value }) => [name, value]),
    [
      ['cleanup.policy', 'compact,delete'],
      ['retention.ms', '7'],
    ],
  )

  // Without a name, all of the kind.
  assert.match(await ok('config --describe --entity-type topics'), /^topic\/conf +retention\.ms +7 /m)
  await ok('config --alter --broker-defaults --add-config log.cleaner.threads=2')
  assert.match(await ok('config --describe --entity-type brokers --entity-default'), /^log\.cleaner\.threads +2 /m)
  const brokers = JSON.parse(await ok('config --describe --entity-type brokers -o json')) as { resource: string }[]
  assert.deepEqual([...new Set(brokers.map((row) => row.resource))], [`broker/${broker.nodeId}`, 'broker/'])
  await ok('config --alter --entity-type brokers --entity-default --delete-config log.cleaner.threads')
})

test('what kafka-configs knows and ottla does not is one sentence', async () => {
  const quotas = 'quotas and credentials of users, clients and ips are not changed or shown by `ottla config`'
  const asked = 'a broker is asked, give --bootstrap-server'
  const add = '--add-config producer_byte_rate=1024'
  await Promise.all([
    refused(`config --alter --entity-type users --entity-name alice ${add}`, quotas),
    refused(`config --alter --user alice ${add}`, quotas),
    refused(`config --alter --client-defaults ${add}`, quotas),
    refused('config --describe --entity-type ips', quotas),
    refused('config describe client/x', quotas),
    refused('config --alter --entity-type topics --add-config a=b', '--entity-type needs --entity-name'),
    refused('config --alter --entity-name x --add-config a=b', '--entity-name and --entity-default need --entity-type'),
    refused('config --alter --topic a --topic b --add-config a=b', 'one at a time: topic/a or topic/b'),
    refused('config --alter --topic a', 'give at least one setting as name=value'),
    refused('config --describe --entity-type groups', 'name the group with --entity-name'),
    refused(
      'config --describe --entity-type cows --entity-name x',
      'there is no kind "cows": what is configured is a topic, broker, group, client-metrics or broker-logger',
    ),
    refused('config --zookeeper localhost --describe --topic x', `--zookeeper: ${asked}`),
    refused('config --bootstrap-controller c:1 --describe --topic x', `--bootstrap-controller: ${asked}`),
  ])
})

test('kafka-consumer-groups: its actions and ways of saying where to', async () => {
  await ok('topic --create --topic moved --partitions 2')
  await ok('produce moved -p 1 -k k --timestamp 2026-01-01T00:00:00Z')
  const reset = 'group --reset-offsets --group spelled --topic moved'
  assert.match(await ok(`${reset} --to-latest --execute`), /moved +1 +- +0 +- +moved/)
  assert.match(await ok(`${reset}:1 --to-earliest --execute`), /^TOPIC.*\nmoved +1 +0 +0 +0 +unchanged\n$/)
  const dry = await run(`${reset} --to-offset 0 --dry-run`)
  assert.deepEqual([dry.code, dry.stdout.split('\n').length], [0, 4])
  assert.match(await ok('group --list --names'), /^spelled$/m)
  assert.match(await ok('group --describe --group spelled'), /^Group spelled: Empty, /)
  assert.match(await ok('group --describe --all-groups'), /^Group spelled: Empty, /m)
  assert.equal(
    await ok('group --delete-offsets --group spelled --topic moved'),
    'deleted the offset of moved-0\ndeleted the offset of moved-1\n',
  )
  await refused(`${reset} --by-duration PT1H`, '--by-duration: --to @-1h goes back by an hour')
  await refused('group --describe --group spelled --members', '--members: `ottla group members` shows them')
})
