import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { after, before, test } from 'node:test'
import { startBroker, type TestBroker } from '../src/index.ts'
import { bin, ottla } from './support/run.ts'

let broker: TestBroker

before(async () => {
  broker = await startBroker({ config: { 'auto.create.topics.enable': false } })
})

after(() => broker.close())

const run = (args: string, input?: string) =>
  ottla(args.split(' '), { input, env: { OTTLA_BOOTSTRAP: broker.bootstrap } })

async function ok(args: string, input?: string): Promise<string> {
  const { stdout, stderr, code } = await run(args, input)
  assert.deepEqual({ stderr, code }, { stderr: '', code: 0 }, args)
  return stdout
}

/** By partition, what the group has committed. */
async function committed(group: string): Promise<Record<string, number>> {
  const [{ partitions }] = JSON.parse(await ok(`group describe ${group} -o json`))
  return Object.fromEntries(
    partitions.map((p: { partition: number; committedOffset: number | null }) => [p.partition, p.committedOffset]),
  )
}

test('a group goes on behind the last record that was printed', async () => {
  await ok('topic create ten')
  await ok('produce ten', '1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n')
  assert.equal(await ok('consume ten --group reader -n 4'), '1\n2\n3\n4\n')
  assert.deepEqual(await committed('reader'), { 0: 4 })
  assert.equal(await ok('consume ten -g reader -n 2 --commit after'), '5\n6\n')
  assert.equal(await ok('consume ten -g reader -n 2 --commit before'), '7\n8\n')
  assert.deepEqual(await committed('reader'), { 0: 8 })
  assert.equal(await ok('consume ten -g reader -n 1 --commit none'), '9\n')
  assert.equal(await ok('consume ten -g reader -n 2'), '9\n10\n')
  // Another group gets everything.
  assert.equal(await ok('consume ten -g other -n 1 -o jsonl').then((line) => JSON.parse(line).value), '1')
})

test('a group of the consumer protocol, by option and by property; a group by property', async () => {
  await ok('topic create modern.1 modern.2')
  await ok('produce modern.1', '1\n2\n3\n')
  assert.equal(await ok('consume modern.1 -g modern --protocol consumer -n 1'), '1\n')
  const [{ type }] = JSON.parse(await ok('group describe modern -o json'))
  assert.equal(type, 'consumer')
  const property = '-X group.protocol=consumer -X group.remote.assignor=range -X group.id=modern'
  assert.equal(await ok(`consume --pattern modern\\.[0-9] ${property} -n 1`), '2\n')
  assert.equal(await ok(`consume --include modern.* -g modern --protocol classic -n 1`), '3\n')
  assert.deepEqual(await committed('modern'), { 0: 3 })
})

test('what a group’s member is told by properties counts', async () => {
  await ok('topic create told')
  await ok('produce told', '1\n2\n')
  assert.equal(await ok('consume told -g told -n 1 -X enable.auto.commit=false'), '1\n')
  assert.equal(await ok('consume told -g told -n 1 -X enable.auto.commit=false --commit auto'), '1\n')
  assert.equal(await ok('consume told -g told -n 1'), '2\n')
  const refused = await run('consume told -g none -n 1 -X auto.offset.reset=none')
  assert.match(refused.stderr, /group none has no offset/)
})

test('what does not go with a group is refused', async () => {
  for (const [args, message] of [
    ['consume ten -g g -p 0', /a group shares the partitions out/],
    ['consume ten -g g --offset 5', /--offset is start or end in a group/],
    ['consume ten --commit none', /give --group too/],
    ['consume ten --instance-id i', /give --group too/],
    ['consume ten --protocol consumer', /--protocol is of groups: give --group too/],
    ['consume --pattern t.*', /--pattern is of groups: give --group too/],
    ['consume ten -g g --pattern t.*', /give either topics or --pattern/],
    ['consume ten -g g --protocol raft', /--protocol is one of classic, consumer/],
    ['consume ten -g g --protocol consumer -X session.timeout.ms=9000', /sessionTimeoutMs has no meaning with/],
    ['consume ten -g g -X group.protocol=raft', /group.protocol is classic or consumer/],
    ['consume ten -g g --commit sometimes', /--commit is one of auto, after, before, none/],
    ['consume ten -g g -f %[', /not known of partitions that come and go/],
  ] as const) {
    const refused = await run(args)
    assert.deepEqual([refused.code, refused.stdout], [2, ''], args)
    assert.match(refused.stderr, message)
  }
})

test('two members share two topics; the one that stays takes over, and Ctrl-C commits', async () => {
  await ok('topic create left right --partitions 2')
  const children: ChildProcess[] = []
  const lines: string[] = []
  const start = (instance: string): Promise<number | null> => {
    const words = ['consume', 'left', 'right', '--group', 'shared', '--instance-id', instance, '-f', '%t %p %v\n']
    const child = spawn(process.execPath, [bin, ...words], {
      env: { ...process.env, OTTLA_BOOTSTRAP: broker.bootstrap },
    })
    children.push(child)
    child.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().split('\n').filter(Boolean)))
    return new Promise((resolve) => child.once('close', resolve))
  }
  const members = async (): Promise<number[]> => {
    const [{ members, state }] = JSON.parse((await run('group members shared -o json')).stdout)
    if (state !== 'Stable') return []
    return members.map((m: { assignment: unknown[] }) => m.assignment.length).sort()
  }
  const until = async (wanted: () => Promise<boolean> | boolean) => {
    while (!(await wanted())) await new Promise((resolve) => setImmediate(resolve))
  }
  const endings = [start('one'), start('two')]
  await until(async () => `${await members()}` === '2,2')
  for (const topic of ['left', 'right']) for (const p of [0, 1]) await ok(`produce ${topic} -p ${p}`, 'a\n')
  await until(() => lines.length === 4)
  assert.deepEqual(lines.toSorted(), ['left 0 a', 'left 1 a', 'right 0 a', 'right 1 a'])
  children[0].kill('SIGINT')
  assert.equal(await endings[0], 130)
  // A static member that is only away would keep its partitions.
  await ok('group members shared --remove one')
  await until(async () => `${await members()}` === '4')
  await ok('produce left -p 0', 'b\n')
  await ok('produce left -p 1', 'b\n')
  await until(() => lines.length === 6)
  children[1].kill('SIGINT')
  assert.equal(await endings[1], 130)
  assert.deepEqual(lines.slice(4).toSorted(), ['left 0 b', 'left 1 b'])
  const [{ partitions }] = JSON.parse(await ok('group describe shared -o json'))
  assert.deepEqual(
    partitions.map((p: { committedOffset: number }) => p.committedOffset),
    [2, 2, 1, 1],
  )
})

test('read_committed leaves out what is not committed', async () => {
  await ok('topic create ledger')
  await ok('produce ledger --transactional-id t', 'kept\n')
  const aborted = await run('produce ledger --transactional-id t -i jsonl', '{"value":"dropped"}\nnonsense\n')
  assert.equal(aborted.code, 2)
  await ok('produce ledger --transactional-id t', 'kept too\n')
  assert.equal(await ok('consume ledger --isolation read_committed'), 'kept\nkept too\n')
  assert.equal(await ok('consume ledger -X isolation.level=read_committed'), 'kept\nkept too\n')
  assert.equal(await ok('consume ledger --isolation read_committed -g auditor -n 2'), 'kept\nkept too\n')
})
