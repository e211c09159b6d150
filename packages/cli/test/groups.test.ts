import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription, ErrorCode, encodeVersioned } from '@ottla/protocol'
import {
  deleteGroupsApi,
  describeConsumerGroupsApi,
  describeGroupsApi,
  listGroupsApi,
} from '../../client/src/admin/apis.ts'
import {
  findCoordinatorApi,
  leaveGroupApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetFetchApi,
} from '../../client/src/apis.ts'
import { FakeBroker, metadataOf } from '../../client/test/support/fake-broker.ts'
import { startBroker, type TestBroker } from '../src/index.ts'
import { bin, ottla } from './support/run.ts'

let broker: TestBroker
let folder: string

before(async () => {
  broker = await startBroker({ config: { 'auto.create.topics.enable': false } })
  folder = mkdtempSync(join(tmpdir(), 'ottla-groups-'))
})

after(async () => {
  await broker.close()
  rmSync(folder, { recursive: true })
})

const run = (args: string, bootstrap = broker.bootstrap) =>
  ottla(args.split(' '), { env: { OTTLA_BOOTSTRAP: bootstrap } })

async function ok(args: string, input?: string): Promise<string> {
  const { stdout, stderr, code } = await ottla(args.split(' '), { input, env: { OTTLA_BOOTSTRAP: broker.bootstrap } })
  assert.deepEqual({ stderr, code }, { stderr: '', code: 0 }, args)
  return stdout
}

const dryRun = 'ottla: nothing was changed; the same with --execute does it\n'

test('a group is made, moved to every kind of place, saved to a file and deleted', async () => {
  // Its records are older than what is kept by default, which is noticed after half a minute.
  await ok('topic create orders --partitions 2 -c retention.ms=-1')
  await ok('topic create clicks')
  for (const [time, line] of [
    ['2026-01-01T00:00:00Z', 'a'],
    ['2026-01-02T00:00:00Z', 'b'],
    ['2026-01-03T00:00:00Z', 'c'],
  ]) {
    await ok(`produce orders -p 0 --timestamp ${time}`, `${line}\n`)
  }
  await ok('produce orders -p 1', 'x\ny\n')

  const shown = await run('group seek app orders --to end')
  assert.deepEqual(
    [shown.code, shown.stdout, shown.stderr],
    [
      0,
      'TOPIC   PARTITION  FROM  TO  BY  STATUS\n' +
        'orders          0     -   3   -  would move\n' +
        'orders          1     -   2   -  would move\n',
      `${dryRun}ottla: there is no group app yet: --execute makes it\n`,
    ],
  )
  assert.equal(await ok('group list --names'), '')
  assert.equal(
    await ok('group seek app orders --to end --execute'),
    'TOPIC   PARTITION  FROM  TO  BY  STATUS\n' +
      'orders          0     -   3   -  moved\n' +
      'orders          1     -   2   -  moved\n',
  )
  const coordinator = broker.nodeId
  assert.equal(
    await ok('group list a*'),
    `GROUP  STATE  TYPE     PROTOCOL  COORDINATOR\napp    Empty  classic  -         ${`${coordinator}`.padStart(11)}\n`,
  )
  const file = join(folder, 'before.csv')
  assert.equal(await ok(`group seek app --export ${file}`), '')
  assert.equal(readFileSync(file, 'utf8'), 'orders,0,3\norders,1,2\n')

  const to = async (args: string): Promise<unknown[]> => {
    const rows = JSON.parse(await ok(`group seek app ${args} --execute -o json`))
    return rows.map((r: { to: number; by: number; executed: boolean }) => {
      assert.equal(r.executed, true)
      return r.to
    })
  }
  assert.deepEqual(await to('--to start'), [0, 0])
  assert.deepEqual(await to('--to 1'), [1, 1])
  assert.deepEqual(await to('--by 1'), [2, 2])
  assert.deepEqual(await to('--by -1 -p 1'), [1])
  assert.deepEqual(await to('orders -p 0 --to @2026-01-02'), [1])
  assert.deepEqual(await to('--to @-1h -p 0'), [3])
  assert.deepEqual(await to('--to -1'), [2, 1])
  assert.deepEqual(await to('--to +1 --topic orders'), [1, 1])
  assert.deepEqual(await to('--to 99'), [3, 2])
  assert.deepEqual(await to('--to-earliest --all-topics'), [0, 0])
  assert.deepEqual(await to(`--from-file ${file}`), [3, 2])
  assert.deepEqual(await to('--to-datetime 2026-01-03T00:00:00.000Z -p 0'), [2])
  const rows = JSON.parse(await ok('group seek copy --to-group app --execute -o json'))
  assert.deepEqual(
    rows.map((r: { topic: string; partition: number; from: null; to: number }) => [r.topic, r.partition, r.from, r.to]),
    [
      ['orders', 0, null, 2],
      ['orders', 1, null, 2],
    ],
  )
  assert.equal(
    await ok('group describe app'),
    `Group app: Empty, 0 members, classic, coordinator ${coordinator}, lag 1\n` +
      'TOPIC   PARTITION  COMMITTED  END  LAG\n' +
      'orders          0          2    3    1\n' +
      'orders          1          2    2    0\n',
  )
  assert.equal(
    await ok('group lag'),
    'GROUP  STATE  TOPIC   PARTITIONS  LAG\napp    Empty  orders           2    1\ncopy   Empty  orders           2    1\n',
  )
  assert.equal(await ok('group delete app --offsets-of orders -p 1'), 'deleted the offset of orders-1\n')
  assert.equal(await ok('group seek app --export -'), 'orders,0,2\n')
  const deleted = await run('group delete app copy nope')
  assert.deepEqual(
    [deleted.code, deleted.stdout, deleted.stderr],
    [5, 'deleted app\ndeleted copy\n', 'ottla: group nope does not exist: `ottla group list` shows those that do\n'],
  )
  assert.equal(await ok('group delete app --if-exists'), 'app was not there\n')
})

test('what cannot be moved is said before anything is asked of the coordinator', async () => {
  await ok('topic create few')
  const refused: [string, number, RegExp][] = [
    ['group seek', 2, /name the group/],
    ['group seek g --execute', 2, /--execute: nothing says where to/],
    ['group seek g --to start --by 1', 2, /give one of --to, --by/],
    ['group seek g --to 1:2', 2, /one place, not the range "1:2"/],
    ['group seek g --to soon', 2, /^ottla: --to "soon" is no offset/],
    ['group seek g --by 1.5', 2, /--by is a number of records/],
    ['group seek g --to start', 4, /group g does not exist: name the topics/],
    ['group seek g few -p 3 --to start', 4, /topic few has no partition 3/],
    ['group seek g nope --to start', 4, /topic nope does not exist/],
    ['group seek g --to-group nobody', 4, /group nobody has no offsets/],
    [`group seek g --from-file ${join(folder, 'absent.csv')}`, 4, /no such file/],
    ['group describe', 2, /name at least one group/],
    ['group members nope', 4, /group nope does not exist: `ottla group list`/],
    ['group list --state busy', 2, /--state is one of Stable, Empty/],
    ['group lag --watch 1ms', 2, /at least 100ms/],
    ['group lag --watch -o json', 2, /use -o jsonl/],
  ]
  for (const [args, code, message] of refused) {
    const ended = await run(args)
    assert.deepEqual([ended.code, ended.stdout], [code, ''], args)
    assert.match(ended.stderr, message, args)
  }
  const file = join(folder, 'wrong.csv')
  writeFileSync(file, 'few,0,1\nfew,zero,1\n')
  const wrong = await run(`group seek g --from-file ${file} --execute`)
  assert.deepEqual(
    [wrong.code, wrong.stderr],
    [2, `ottla: ${file}, line 2: a line is topic,partition,offset, not "few,zero,1"\n`],
  )
  writeFileSync(file, '# saved\ng,few,0,0\nother,few,0,5\n')
  assert.match((await run(`group seek g --from-file ${file}`)).stdout, /^few +0 +- +0 +- +would move$/m)
})

test('lag is watched until Ctrl-C, one line for each look as JSON lines', async () => {
  await ok('topic create watched')
  await ok('group seek watcher watched --to start --execute')
  const child = spawn(process.execPath, [bin, 'group', 'lag', 'watcher', '--watch', '100ms', '-o', 'jsonl'], {
    env: { ...process.env, OTTLA_BOOTSTRAP: broker.bootstrap },
  })
  const lines: { groups: { groupId: string; lag: number }[] }[] = []
  let rest = ''
  let produced: Promise<unknown> | null = null
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve)
    child.stdout.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop() as string
      lines.push(...parts.map((line) => JSON.parse(line)))
      produced ??= ok('produce watched', 'a\nb\n')
      if (lines.at(-1)?.groups[0].lag === 2) child.kill('SIGINT')
    })
  })
  await produced
  assert.equal(code, 130)
  assert.deepEqual([lines[0].groups[0].groupId, lines[0].groups[0].lag], ['watcher', 0])
})

/** One broker with groups that have members: two of one partition's consumers in each of the two protocols. */
async function groupsWithMembers(t: TestContext) {
  const fake = await new FakeBroker(1).listen(t)
  const subscription = encodeVersioned(ConsumerProtocolSubscription, 1, { topics: ['t'] })
  const assignment = encodeVersioned(ConsumerProtocolAssignment, 1, {
    assignedPartitions: [{ topic: 't', partitions: [0] }],
  })
  const member = (clientId: string) => ({ memberId: `${clientId}-id`, clientId, clientHost: '/10.0.0.1' })
  const bytes = { memberMetadata: subscription, memberAssignment: Buffer.alloc(0) }
  const topicPartitions = [{ topicName: 't', partitions: [0] }]
  const has = { memberEpoch: 1, assignment: { topicPartitions }, targetAssignment: { topicPartitions } }
  const hasNothing = {
    memberEpoch: 1,
    assignment: { topicPartitions: [] },
    targetAssignment: { topicPartitions: [] },
  }
  const moving = { ...hasNothing, targetAssignment: { topicPartitions } }
  const modern = { groupState: 'Stable', groupEpoch: 2, assignmentEpoch: 2, assignorName: 'uniform' }
  fake
    .on(metadataApi, () => metadataOf([fake], { t: [1] }))
    .on(findCoordinatorApi, ({ coordinatorKeys }) => ({
      coordinators: coordinatorKeys.map((key) => ({ key, nodeId: 1, host: '127.0.0.1', port: fake.port })),
    }))
    .on(listOffsetsApi, () => ({ topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 9 }] }] }))
    .on(offsetFetchApi, ({ groups }) => ({
      groups: groups.map(({ groupId }) => ({
        groupId,
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 4, metadata: '' }] }],
      })),
    }))
    .on(describeConsumerGroupsApi, ({ groupIds }) => ({
      groups: groupIds.map((groupId) =>
        groupId === 'modern'
          ? {
              groupId,
              ...modern,
              members: [
                { ...member('has'), ...has },
                { ...member('idles'), ...hasNothing },
                { ...member('waits'), ...moving },
              ],
            }
          : { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND },
      ),
    }))
    .on(describeGroupsApi, ({ groups }) => ({
      groups: groups.map((groupId) => ({
        groupId,
        groupState: groupId === 'joining' ? 'PreparingRebalance' : 'Stable',
        protocolType: 'consumer',
        protocolData: 'range',
        members: [
          { ...member('has'), ...bytes, memberAssignment: assignment },
          { ...member('idles'), ...bytes, groupInstanceId: 'i1' },
        ],
      })),
    }))
    .on(offsetCommitApi, ({ topics }) => ({
      topics: topics.map(({ name }) => ({
        name,
        partitions: [{ partitionIndex: 0, errorCode: ErrorCode.UNKNOWN_MEMBER_ID }],
      })),
    }))
    .on(deleteGroupsApi, ({ groupsNames }) => ({
      results: groupsNames.map((groupId) => ({ groupId, errorCode: ErrorCode.NON_EMPTY_GROUP })),
    }))
    .on(listGroupsApi, () => ({
      groups: [{ groupId: 'old', protocolType: 'consumer', groupState: 'Stable', groupType: 'classic' }],
    }))
  return { fake, bootstrap: `127.0.0.1:${fake.port}` }
}

test('members beyond the partitions are idle, but not while they wait for some', async (t) => {
  const { bootstrap } = await groupsWithMembers(t)
  const { stdout, stderr, code } = await run('group members old modern', bootstrap)
  assert.deepEqual([stderr, code], ['', 0])
  assert.equal(
    stdout,
    `Group old: Stable, 2 members (1 idle), classic with range, coordinator 1
CLIENT  HOST      INSTANCE  MEMBER    COUNT  PARTITIONS
has     10.0.0.1  -         has-id        1  t 0
idles   10.0.0.1  i1        idles-id      0  idle

Group modern: Stable, 3 members (1 idle), consumer with uniform, coordinator 1
CLIENT  HOST      MEMBER    COUNT  PARTITIONS
has     10.0.0.1  has-id        1  t 0
idles   10.0.0.1  idles-id      0  idle
waits   10.0.0.1  waits-id      0  -
`,
  )
  const [joining] = JSON.parse((await run('group members joining -o json', bootstrap)).stdout)
  assert.deepEqual(
    joining.members.map((m: { idle: boolean }) => m.idle),
    [false, false],
  )
  assert.equal(
    (await run('group describe old', bootstrap)).stdout,
    `Group old: Stable, 2 members (1 idle), classic with range, coordinator 1, lag 5
TOPIC  PARTITION  COMMITTED  END  LAG  CLIENT  HOST      MEMBER
t              0          4    9    5  has     10.0.0.1  has-id
`,
  )
})

test('a group with members is not moved, and it is said who they are', async (t) => {
  const { fake, bootstrap } = await groupsWithMembers(t)
  const who = 'ottla: group old has 2 members (has at 10.0.0.1 and others): '
  const stay = '; static ones that are stopped stay for a while, `ottla group members --remove` ends that'
  const refused = await run('group seek old --to start --execute', bootstrap)
  assert.deepEqual(
    [refused.code, refused.stdout, refused.stderr],
    [1, '', `${who}stop them first, then move it${stay}\n`],
  )
  assert.equal(fake.count('OffsetCommit'), 0)
  const shown = await run('group seek old --to start', bootstrap)
  assert.deepEqual([shown.code, shown.stderr], [0, `${dryRun}${who}--execute is refused until they are stopped\n`])
  // A member that comes between the look and the commit.
  fake.on(describeGroupsApi, () => ({
    groups: [{ groupId: 'old', groupState: 'Empty', protocolType: '', protocolData: '', members: [] }],
  }))
  const late = await run('group seek old --to start --execute', bootstrap)
  assert.deepEqual([late.code, late.stderr], [1, 'ottla: t-0: group old has members, which commit for it\n'])
  assert.match(late.stdout, /failed: UNKNOWN_MEMBER_ID/)
  const deleted = await run('group delete old', bootstrap)
  assert.deepEqual(
    [deleted.code, deleted.stderr],
    [1, 'ottla: group old has members: stop them first (`ottla group members` shows them)\n'],
  )
})

test('a member is put out by its id, a static one by that of its instance', async (t) => {
  const { fake, bootstrap } = await groupsWithMembers(t)
  fake.on(leaveGroupApi, ({ members }) => ({ members: members.map((m) => ({ ...m, errorCode: 0 })) }))
  const removed = await run('group members old --remove i1 --remove has-id --reason test', bootstrap)
  assert.deepEqual([removed.code, removed.stdout], [0, 'i1 is out of old\nhas-id is out of old\n'])
  const [{ body }] = fake.requests.filter((r) => r.name === 'LeaveGroup')
  assert.deepEqual((body as { members: unknown }).members, [
    { memberId: '', groupInstanceId: 'i1', reason: 'test' },
    { memberId: 'has-id', groupInstanceId: null, reason: 'test' },
  ])
  const absent = await run('group members old --remove i2', bootstrap)
  assert.deepEqual(
    [absent.code, absent.stderr],
    [4, 'ottla: group old has no member or instance i2: nobody was put out\n'],
  )
})

test('completion knows the groups', async (t) => {
  const { bootstrap } = await groupsWithMembers(t)
  assert.equal((await run(`__complete group describe -b ${bootstrap} o`)).stdout, 'old\n')
  assert.equal((await run('__complete group list --state pre')).stdout, '')
  assert.equal((await run('__complete group list --state Pre')).stdout, 'PreparingRebalance\n')
})
