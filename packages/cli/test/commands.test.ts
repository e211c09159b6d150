import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { CODEC_NAMES } from '@ottla/protocol/records'
import { CODECS } from '../src/choices.ts'
import { startBroker, type TestBroker } from '../src/index.ts'
import { registry } from '../src/registry.ts'
import { bin, ottla } from './support/run.ts'

let broker: TestBroker
let folder: string

before(async () => {
  broker = await startBroker({ config: { 'auto.create.topics.enable': false } })
  folder = mkdtempSync(join(tmpdir(), 'ottla-cli-'))
})

after(async () => {
  await broker.close()
  rmSync(folder, { recursive: true })
})

const run = (args: string, input?: string | Buffer) =>
  ottla(args.split(' '), { input, env: { OTTLA_BOOTSTRAP: broker.bootstrap } })

async function ok(args: string | string[], input?: string | Buffer): Promise<string> {
  const words = typeof args === 'string' ? args.split(' ') : args
  const { stdout, stderr, code } = await ottla(words, { input, env: { OTTLA_BOOTSTRAP: broker.bootstrap } })
  assert.deepEqual({ stderr, code }, { stderr: '', code: 0 }, words.join(' '))
  return stdout
}

test('topics are created, listed, described, altered and deleted', async () => {
  assert.equal(await ok('topic create one --partitions 3 -c retention.ms=1000'), 'created one with 3 partitions\n')
  assert.equal(
    await ok('topic create --topic two --partitions 1 --replication-factor 1'),
    'created two with 1 partition\n',
  )
  assert.equal(
    await ok('topic list'),
    'NAME  PARTITIONS  REPLICAS\none            3         1\ntwo            1         1\n',
  )
  assert.equal(await ok('topic list t* --names'), 'two\n')
  assert.equal(await ok(`topic --list --names --bootstrap-server ${broker.bootstrap}`), 'one\ntwo\n')
  assert.match(await ok(`topic --describe --bootstrap-server ${broker.bootstrap}`), /^Topic one, .*\n\nTopic two, /s)
  assert.match(await ok(`topic --bootstrap-server ${broker.bootstrap} --describe --topic two`), /^Topic two, /)
  assert.equal(await ok('topic add-partitions one --to 4'), 'one has 4 partitions\n')
  assert.equal(await ok('topic alter one -c max.message.bytes=2000 --unset retention.ms'), 'changed one\n')
  const [described] = JSON.parse(await ok('topic describe one -o json'))
  assert.equal(described.partitions.length, 4)
  assert.deepEqual(described.configs, { 'max.message.bytes': '2000' })
  assert.deepEqual(described.partitions[0], {
    partition: 0,
    leader: broker.nodeId,
    leaderEpoch: 0,
    replicas: [broker.nodeId],
    isr: [broker.nodeId],
    startOffset: 0,
    endOffset: 0,
  })
  const again = await run('topic create one')
  assert.deepEqual([again.code, again.stdout], [1, ''])
  assert.equal(again.stderr, 'ottla: topic one already exists\n')
  assert.equal(await ok('topic create one --if-not-exists'), 'one was there already\n')
  const partly = await run('topic delete two nope')
  assert.deepEqual([partly.code, partly.stdout], [5, 'deleted two\n'])
  assert.equal(await ok('topic delete one nope --if-exists'), 'deleted one\nnope was not there\n')
})

test('configs are set, shown and put back', async () => {
  await ok('topic create conf')
  assert.equal(await ok('config set topic/conf retention.ms=5 cleanup.policy+=compact'), 'changed topic/conf\n')
  assert.equal(
    await ok('config describe conf'),
    'NAME            VALUE           SOURCE\ncleanup.policy  delete,compact  topic\nretention.ms    5               topic\n',
  )
  assert.equal(await ok('config unset conf retention.ms'), 'changed topic/conf\n')
  const kafkas =
    'config set --entity-type topics --entity-name conf --add-config cleanup.policy=[compact,delete],segment.ms=9'
  assert.equal(await ok(kafkas), 'changed topic/conf\n')
  assert.equal(await ok('config unset conf cleanup.policy segment.ms'), 'changed topic/conf\n')
  assert.equal(await ok('config describe conf'), 'topic/conf: all at the defaults; --all shows them\n')
  const rows = JSON.parse(await ok('config describe --entity-type topics --entity-name conf --all -o json'))
  assert.equal(rows.find((r: { name: string }) => r.name === 'retention.ms').source, 'default')
  const refused = await run('config set conf retention.ms=soon')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /^ottla: topic conf: .+\n$/)
  assert.match(await ok('cluster info'), /^Cluster \S+: \d+ topics?, \d+ partitions?\nBROKER /)
  const cluster = JSON.parse(await ok('cluster info -o json'))
  assert.deepEqual([cluster.clusterId, cluster.brokers.length], [broker.clusterId, 1])
})

test('lines are produced with keys and headers, and consumed by place and format', async () => {
  await ok('topic create lines --partitions 2')
  assert.equal(await ok('produce lines -K : -p 1 -H src=test --timestamp 2026-01-31T00:00:00Z', 'a:1\nb:2\n:3'), '')
  assert.equal(await ok('produce lines -p 1 -H src=test --timestamp 2026-01-31T00:00:00Z', 'x'), '')
  const keyless = await run('produce lines -K : -p 0', 'x\n')
  assert.deepEqual(
    [keyless.code, keyless.stderr],
    [2, 'ottla: standard input, line 1: no ":" in it to end the key (-K)\n'],
  )
  assert.equal(
    await ok(['consume', 'lines', '-f', '%p/%o %d{iso} [%k] %v %h\\n']),
    '1/0 2026-01-31T00:00:00.000Z [a] 1 src=test\n' +
      '1/1 2026-01-31T00:00:00.000Z [b] 2 src=test\n' +
      '1/2 2026-01-31T00:00:00.000Z [] 3 src=test\n' +
      '1/3 2026-01-31T00:00:00.000Z [] x src=test\n',
  )
  assert.match(
    await ok(['consume', 'lines', '-n1', '-f', '%x %y %a{compression} %a{timestamp-type} %[ %| %]']),
    /^\d+ 0 none 0 0 4 4$/,
  )
  assert.equal(await ok('consume lines'), '1\n2\n3\nx\n')
  assert.equal(await ok('consume lines lines'), '1\n2\n3\nx\n')
  assert.equal(await ok('consume lines --offset 1:3'), '2\n3\n')
  assert.equal(await ok('consume lines --offset -1'), 'x\n')
  assert.equal(await ok('consume lines --offset +2 --max 1'), '3\n')
  assert.equal(await ok('consume lines --offset @2026-01-31'), '1\n2\n3\nx\n')
  assert.equal(await ok('consume lines --offset @2026-02-01'), '')
  assert.equal(await ok('consume lines --offset @0:end'), '1\n2\n3\nx\n')
  assert.equal(await ok('consume lines -p 0'), '')
  assert.equal(await ok('consume lines --offset end'), '')
  const places = await ok('produce lines -p 0 -o jsonl --acks 1 -z lz4', 'y\n')
  assert.deepEqual(Object.keys(JSON.parse(places)), ['topic', 'partition', 'offset', 'timestamp'])
})

test('what consume prints as JSON lines, produce writes as it was', async () => {
  await ok('topic create from --partitions 2')
  await ok('topic create to --partitions 2')
  const kafka = await broker.kafka()
  await kafka.producer().sendAll('from', [
    {
      partition: 1,
      key: 'k',
      value: 'väl\n"ue"',
      headers: [
        { key: 'h', value: Buffer.from([0xff, 0]) },
        { key: 'h', value: null },
      ],
      timestamp: 123,
    },
    { partition: 1, key: null, value: null, timestamp: 456 },
    { partition: 1, key: Buffer.from([0xc3, 0x28]), value: '', timestamp: 789 },
  ])
  const lines = await ok('consume from -o jsonl')
  assert.equal(await ok('produce to -i jsonl --keep-partition', lines), '')
  assert.equal((await ok('consume to -o jsonl')).replaceAll('"to"', '"from"'), lines)
  writeFileSync(join(folder, 'records.jsonl'), lines.replaceAll('"from"', '"to"'))
  await ok(['produce', 'to', join(folder, 'records.jsonl')])
  assert.equal((await ok('consume to -o jsonl')).split('\n').length, 7)
  const wrong = await run('produce to -i jsonl', '{"value":"a"}\n{"value":\n')
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /^ottla: standard input, line 2: not JSON: /)
  const misspelt = await run('produce to -i jsonl', '{"value":"a","header":{"h":"v"}}\n')
  assert.deepEqual(
    [misspelt.code, misspelt.stderr],
    [2, 'ottla: standard input, line 1: a record has no header; did you mean headers?\n'],
  )
})

test('every output format holds the same', async () => {
  await ok('topic create formats -c retention.ms=-1')
  await ok('produce formats --timestamp 1700000000000 -k k', 'v\n')
  const at = { topic: 'formats', partition: 0, offset: 0, timestamp: 1700000000000 }
  const record = { ...at, time: '2023-11-14T22:13:20.000Z', key: 'k', value: 'v' }
  assert.deepEqual(JSON.parse(await ok('consume formats -o json')), [record])
  assert.deepEqual(JSON.parse(await ok('consume formats -o jsonl')), record)
  assert.equal(
    await ok('consume formats -o yaml'),
    '- topic: formats\n  partition: 0\n  offset: 0\n  timestamp: 1700000000000\n  time: "2023-11-14T22:13:20.000Z"\n  key: k\n  value: v\n',
  )
  assert.equal(
    await ok('consume formats -o table'),
    'TIME\tTOPIC\tPARTITION\tOFFSET\tKEY\tVALUE\n2023-11-14T22:13:20.000Z\tformats\t0\t0\tk\tv\n',
  )
  const local = await ottla(['consume', 'formats', '-o', 'table', '--local'], {
    env: { OTTLA_BOOTSTRAP: broker.bootstrap, TZ: 'Asia/Kolkata' },
  })
  assert.match(local.stdout, /\n2023-11-15T03:43:20.000\+05:30\t/)
  assert.equal(await ok('consume formats -o json --offset end'), '[]\n')
  await ok('produce formats', 'a\u009b31m\u001b[0m\n')
  assert.match(await ok('consume formats -o table --offset 1'), /\ta 31m \[0m\n$/)
})

test('--follow goes on until Ctrl-C, and the reader may leave at any time', async () => {
  await ok('topic create flow')
  const child = spawn(process.execPath, [bin, 'consume', 'flow', '--follow', '-b', broker.bootstrap])
  const kafka = await broker.kafka()
  const producer = kafka.producer()
  await producer.send('flow', { value: 'first' })
  const line = () => new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(`${chunk}`)))
  assert.equal(await line(), 'first\n')
  const next = line()
  await producer.send('flow', { value: 'second' })
  assert.equal(await next, 'second\n')
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGINT')
  assert.equal(await ended, 130)

  await producer.sendAll(
    'flow',
    Array.from({ length: 20_000 }, () => ({ value: 'x'.repeat(100) })),
  )
  const leaving = spawn(process.execPath, [bin, 'consume', 'flow', '-b', broker.bootstrap])
  let stderr = ''
  leaving.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  leaving.stdout.once('data', () => leaving.stdout.destroy())
  assert.equal(await new Promise((resolve) => leaving.once('close', resolve)), 0)
  assert.equal(stderr, '')
})

test('--follow reads partitions that are added while it runs', async () => {
  await ok('topic create grows')
  const property = ['-X', 'metadata.max.age.ms=20']
  const child = spawn(process.execPath, [bin, 'consume', 'grows', '--follow', '-b', broker.bootstrap, ...property])
  const line = () => new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(`${chunk}`)))
  const ended = new Promise((resolve) => child.once('close', resolve))
  const producer = (await broker.kafka()).producer()
  const first = line()
  await producer.send('grows', { value: 'old', partition: 0 })
  assert.equal(await first, 'old\n')
  await ok('topic add-partitions grows --to 3')
  for (const partition of [1, 2]) {
    const next = line()
    await ok(`produce grows -p ${partition}`, `new ${partition}\n`)
    assert.equal(await next, `new ${partition}\n`)
  }
  child.kill('SIGINT')
  assert.equal(await ended, 130)
})

test('who is to type records is told so', async (t) => {
  if (process.platform !== 'linux') {
    t.skip('the `script` of util-linux is wanted, for a terminal')
    return
  }
  await ok('topic create typed')
  const command = `'${process.execPath}' '${bin}' produce typed -b ${broker.bootstrap}`
  const child = spawn('script', ['-qc', command, '/dev/null'])
  let stdout = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
    // The terminal's own end of input; another one may follow.
    if (stdout.includes('Ctrl-D ends') && child.stdin.writable) child.stdin.end('hello\n\u0004')
  })
  const ended = await new Promise((resolve) => {
    child.once('error', () => resolve('missing'))
    child.once('close', resolve)
  })
  if (ended === 'missing') return t.skip('there is no `script` here that could open a terminal')
  assert.match(stdout, /^type a record a line; Ctrl-D ends\r\n/)
  assert.match(stdout, /1 record written\r\n$/)
  assert.equal(await ok('consume typed'), 'hello\n')
})

test('Ctrl-C ends a command whose reader has stopped reading', async () => {
  await ok('topic create slow')
  await ok('produce slow', `${'x'.repeat(999)}\n`.repeat(3000))
  const child = spawn(process.execPath, [bin, 'consume', 'slow', '-b', broker.bootstrap])
  // Its first bytes say that it is writing; the pipe is full soon after.
  await new Promise((resolve) => child.stdout.once('readable', resolve))
  child.kill('SIGINT')
  const ended = new Promise((resolve) => child.once('exit', resolve))
  assert.equal(await ended, 130)
})

test('Ctrl-C ends a command that waits for a broker without an answer', async () => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const to = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  for (const args of ['topic list', 'cluster info', 'consume x', 'bench', 'config describe x', 'produce x']) {
    const child = spawn(process.execPath, [bin, ...args.split(' '), '-b', to])
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const ended = new Promise<unknown>((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)))
    const asked = new Promise((resolve) => silent.once('connection', resolve))
    child.stdin.write('one\ntwo\n')
    await asked
    // What was read is on its way: that is given up by the second one.
    const pressing = setInterval(() => child.kill('SIGINT'), 50)
    const how = await ended
    clearInterval(pressing)
    const told = args === 'produce x' ? '2 records on the way; Ctrl-C again gives up\n' : ''
    assert.equal(stderr, told, args)
    // Shells count both as 130.
    assert.ok(how === 130 || how === 'SIGINT', `${args}: ${how}`)
  }
  for (const socket of sockets) socket.destroy()
  silent.close()
})

test('who waits for a broker that refuses or is gone is told why', async () => {
  const full = await startBroker({ topics: ['x'], config: { 'ottla.min.free.disk.bytes': 2 ** 50 } })
  const env = { OTTLA_BOOTSTRAP: full.bootstrap }
  const ended = await ottla(['produce', 'x', '-X', 'message.timeout.ms=300'], { input: 'a\n', env })
  assert.equal(ended.code, 1, ended.stderr)
  const [first, ...rest] = ended.stderr.trimEnd().split('\n')
  assert.match(first, /^\d\d:\d\d:\d\d warn {2}records are sent again topic=x partition=0 error="partition x-0: .+"$/)
  assert.match(rest.at(-1) as string, /^ottla: 1 of 1 record failed: .+ not written within 300 ms: partition x-0: .+$/)

  const child = spawn(process.execPath, [bin, 'consume', 'x', '--follow', '-b', full.bootstrap])
  const told = new Promise<string>((resolve) => child.stderr.once('data', (chunk: Buffer) => resolve(`${chunk}`)))
  const closed = new Promise((resolve) => child.once('close', resolve))
  await full.intercept('Fetch', { action: 'drop', when: 'before' })
  await full.kill()
  assert.match(await told, /warn {2}records are asked for again topic=x partition=0 error=/)
  child.kill('SIGINT')
  assert.equal(await closed, 130)
  await full.close()
})

test('Ctrl-C while records cannot be written gives up after a while, or at the second', async () => {
  const gone = await startBroker({ topics: ['x'], config: { 'ottla.min.free.disk.bytes': 2 ** 50 } })
  const child = spawn(process.execPath, [bin, 'produce', 'x', '-b', gone.bootstrap])
  let stderr = ''
  let told = () => {}
  const refused = new Promise<void>((resolve) => {
    told = resolve
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    if (stderr.includes('sent again')) told()
  })
  child.stdin.end('a\n')
  await refused
  child.kill('SIGINT')
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 1)
  assert.match(stderr, /\n1 record on the way; Ctrl-C again gives up\n/)
  assert.match(stderr, /\nottla: 1 of 1 record failed: the producer was closed before the record was written\n$/)
  await gone.close()
})

test('a full disk behind standard output is one sentence, and a closed standard error none', async (t) => {
  await ok('topic create full')
  await ok('produce full', 'x\n')
  const shell = (line: string) =>
    new Promise<{ code: number | null; stderr: string }>((resolve) => {
      const child = spawn('sh', ['-c', line], { env: { ...process.env, OTTLA_BOOTSTRAP: broker.bootstrap } })
      let stderr = ''
      child.stderr.on('data', (chunk) => (stderr += chunk))
      child.once('close', (code) => resolve({ code, stderr }))
    })
  const command = `'${process.execPath}' '${bin}'`
  if (existsSync('/dev/full')) {
    for (const args of ['topic list', 'consume full', 'completion bash', '--help']) {
      const { code, stderr } = await shell(`${command} ${args} > /dev/full`)
      assert.deepEqual([code, stderr], [1, 'ottla: standard output cannot be written: the disk is full\n'], args)
    }
  } else t.diagnostic('this machine has no /dev/full')
  assert.equal((await shell(`${command} topic describe nope 2>&1 >/dev/null | true; exit 0`)).stderr, '')
})

test('what goes wrong is one sentence and a stable exit code', async () => {
  const cases: [string, number, RegExp][] = [
    ['consume nope', 4, /^ottla: topic nope does not exist\n$/],
    ['topic describe nope', 4, /^ottla: topic nope does not exist\n$/],
    ['produce nope', 4, /topic nope does not exist\n$/],
    ['consume formats --offset soon', 2, /^ottla: --offset "soon" is no offset: try /],
    ['consume formats --offset 7:3', 2, /^ottla: --offset "7:3" ends before it begins: .+\n$/],
    ['consume formats -f %z', 2, /^ottla: -f: %z is no verb \(--help lists them\)\n$/],
    ['consume formats -o xml', 2, /^ottla: --output is one of table, json, jsonl, yaml, not "xml"\n$/],
    ['consume formats -p 9', 4, /^ottla: topic formats has no partition 9\n$/],
    ['produce x -z brotli', 2, /^ottla: --compression is one of none, gzip, snappy, lz4, zstd, not "brotli"\n$/],
    ['bench -z brotli', 2, /^ottla: --compression is one of /],
    ['produce x -i xml', 2, /^ottla: --input is one of text, jsonl, raw, not "xml"\n$/],
    ['completion tcsh', 2, /^ottla: the shell is one of bash, zsh, fish, not "tcsh"\n$/],
    ['produce x /', 2, /^ottla: \/ is a folder, not a file\n$/],
    ['consume', 2, /^ottla: name the topic to read\n$/],
    ['--hlep', 2, /^ottla: unknown option "--hlep" where a command is wanted; `ottla` lists them\n$/],
    ['topic --hlep', 2, /^ottla: unknown option "--hlep" where a command is wanted; `ottla topic` lists them\n$/],
    ['topic create x --partitions 0', 2, /^ottla: --partitions is a whole number from 1, not 0\n$/],
    ['topic list -X nonsense=1', 2, /^ottla: there is no client property "nonsense"\n$/],
    ['topic list -X boostrap.servers=x', 2, /"boostrap.servers"; did you mean bootstrap.servers\?\n$/],
    ['produce x --header a=b', 2, /^ottla: unknown option '--header'\n\(Did you mean --headers\?\)/],
    ['topic list --profile x', 2, /^ottla: there is no profile file/],
    ['topic list --nope', 2, /^ottla: unknown option '--nope'/],
    ['topic list -b 127.0.0.1:1', 3, /^ottla: connection to 127.0.0.1:1 refused: is a broker running there\?/],
    ['produce x -b 127.0.0.1:1', 3, /^ottla: 1 of 1 record failed: connection to 127.0.0.1:1 refused: is a broker/],
    ['topic list -b host:port', 2, /^ottla: bootstrap: "host:port" is not host:port\n$/],
    ['tpic list', 2, /^ottla: there is no command "tpic"/],
    ['topic lst', 2, /^ottla: topic has no command "lst"/],
  ]
  await Promise.all(
    cases.map(async ([args, code, pattern]) => {
      const ended = await run(args, 'x\n')
      assert.deepEqual({ code: ended.code, stdout: ended.stdout }, { code, stdout: '' }, args)
      assert.match(ended.stderr, pattern, args)
    }),
  )
})

test('the broker comes from option, property, environment or profile, in this order', async () => {
  const profile = join(folder, '.ottla.json')
  writeFileSync(
    profile,
    JSON.stringify({
      default: 'dev',
      profiles: {
        dev: { bootstrap: broker.bootstrap, properties: { 'client.id': 'x' } },
        gone: { bootstrap: '127.0.0.1:1', properties: { 'default.api.timeout.ms': 100 } },
      },
    }),
  )
  const names = (args: string, env: Record<string, string> = {}) => ottla(args.split(' '), { cwd: folder, env })
  assert.equal((await names('topic list')).code, 0)
  assert.equal((await names('topic list --profile gone')).code, 3)
  assert.equal((await names('topic list', { OTTLA_PROFILE: 'gone' })).code, 3)
  assert.equal((await names('topic list', { OTTLA_BOOTSTRAP: '127.0.0.1:1' })).code, 3)
  assert.equal((await names('topic list', { OTTLA_BOOTSTRAP: '', OTTLA_PROFILE: '' })).code, 0)
  assert.equal((await names(`topic list -b ${broker.bootstrap}`, { OTTLA_BOOTSTRAP: '127.0.0.1:1' })).code, 0)
  writeFileSync(join(folder, 'client.properties'), `# comment\nbootstrap.servers=${broker.bootstrap}\nacks = all\n`)
  assert.equal(
    (await names('topic list --command-config client.properties', { OTTLA_BOOTSTRAP: '127.0.0.1:1' })).code,
    0,
  )
  rmSync(profile)
})

test('no broker there: every command says so soon, and changes nothing', async () => {
  const commands = [
    'topic describe x',
    'topic create x',
    'topic alter x -c a=b',
    'topic delete x',
    'bench',
    'consume x',
  ]
  commands.push(
    'topic add-partitions x -n 1',
    'config describe x',
    'config set x a=b',
    'config unset x a',
    'cluster info',
  )
  await Promise.all(
    commands.map(async (args) => {
      const ended = await ottla([...args.split(' '), '-b', '127.0.0.1:1'])
      assert.deepEqual([ended.code, ended.stdout], [3, ''], args)
      assert.match(ended.stderr, /^ottla: connection to 127.0.0.1:1 refused: is a broker running there\?.*\n$/, args)
    }),
  )
})

test('a record that is too large for one request says what would let it through', async () => {
  await ok('topic create large -c max.message.bytes=3000000')
  const value = 'x'.repeat(2_000_000)
  const refused = await run('produce large', value)
  const sentence = 'a record of 2000027 bytes for large is larger than maxRequestBytes 1048576'
  assert.deepEqual(refused, {
    stdout: '',
    stderr: `ottla: 1 of 1 record failed: ${sentence}: -X max.request.size=… raises it\n`,
    code: 1,
  })
  await ok('produce large -X max.request.size=3000000', value)
  assert.equal(await ok(['consume', 'large', '-f', '%V']), '2000000')
})

test('a partition whose disk failed is left out and named, and the others are read', async (t) => {
  const dirs = ['left', 'right'].map((name) => join(folder, name))
  for (const dir of dirs) mkdirSync(dir)
  const config = { 'log.dirs': dirs.join(',') }
  const whole = await startBroker({ dir: dirs[0], config, topics: { halved: { partitions: 4 } } })
  const env = { OTTLA_BOOTSTRAP: whole.bootstrap }
  for (const partition of ['0', '1', '2', '3'])
    assert.equal((await ottla(['produce', 'halved', '-p', partition], { input: `of ${partition}`, env })).code, 0)
  await whole.close()
  renameSync(dirs[1], join(folder, 'volume'))
  writeFileSync(dirs[1], '')
  const halved = await startBroker({ dir: dirs[0], config })
  t.after(() => halved.close())
  const consume = (...args: string[]) =>
    ottla(['consume', 'halved', ...args], { env: { OTTLA_BOOTSTRAP: halved.bootstrap } })
  assert.deepEqual(await consume(), {
    stdout: 'of 0\nof 2\n',
    stderr: 'ottla: halved-1, halved-3: no leader now, left out\n',
    code: 5,
  })
  assert.deepEqual(await consume('-p', '0'), { stdout: 'of 0\n', stderr: '', code: 0 })
  const { stderr, code } = await consume('-p', '1')
  assert.deepEqual([stderr, code], ['ottla: halved-1: no leader now, so nothing can be read\n', 1])
})

test('on a terminal: a table in columns, progress beside a file and not beside a pipe', async (t) => {
  if (process.platform !== 'linux') {
    t.skip('the `script` of util-linux is wanted, for a terminal')
    return
  }
  await ok('topic create columns-of-orders')
  await ok('produce columns-of-orders -k key --timestamp 2026-01-31T00:00:00Z', `${'x\n'.repeat(20_000)}`)
  const command = `'${process.execPath}' '${bin}' consume columns-of-orders -b ${broker.bootstrap}`
  const shown = (rest: string, before = '') =>
    new Promise<string | null>((resolve) => {
      const child = spawn('script', ['-qc', `${before}${command} ${rest}`, '/dev/null'], {
        env: { ...process.env, CI: '' },
      })
      let stdout = ''
      child.stdout.on('data', (chunk) => {
        stdout += chunk
      })
      child.once('error', () => resolve(null))
      child.once('close', () => resolve(stdout))
    })
  const table = await shown('-o table --max 1')
  if (table === null) return t.skip('there is no `script` here that could open a terminal')
  assert.equal(
    table,
    'TIME                      TOPIC              PARTITION  OFFSET      KEY           VALUE\r\n' +
      '2026-01-31T00:00:00.000Z  columns-of-orders  0          0           key           x\r\n',
  )
  // Whether it is drawn at all depends on how long the reading takes.
  for (const drawn of ((await shown('> /dev/null')) as string).split('\r\x1b[K')) assert.match(drawn, /^(read .+)?$/)
  assert.equal(await shown('| tail -n 1'), 'x\r\n')
  // As `less` does it: the terminal is changed when the command begins, and changed back before it ends.
  const paged = await shown('-o jsonl | { read line; stty echo </dev/tty; }; stty -a', 'stty -echo; ')
  assert.match(paged as string, / echo /)
})

test('no line of help is wider than 80 columns, and none shows how it was made', async () => {
  for (const path of [[], ['topic'], ...registry.map((entry) => entry.path)]) {
    const { stdout } = await ottla([...path, '--help'])
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.length > 80 || line.includes('[]')),
      [],
      path.join(' '),
    )
  }
})

test('a broken profile file hinders only what would read it', async () => {
  const cwd = mkdtempSync(join(folder, 'broken-'))
  writeFileSync(join(cwd, '.ottla.json'), '{ "default": ')
  const names = await ottla(['topic', 'list'], { cwd })
  assert.equal(names.code, 2)
  assert.match(names.stderr, /^ottla: the profile file .+ cannot be read: .+\n$/)
  assert.equal((await ottla(['completion', 'bash'], { cwd, env: { OTTLA_PROFILE: 'nope' } })).code, 0)
  writeFileSync(join(cwd, 'leader-epoch-checkpoint'), '0\n1\n0 0\n')
  const dumped = await ottla(['log', 'dump', 'leader-epoch-checkpoint'], { cwd })
  assert.deepEqual([dumped.stderr, dumped.code], ['', 0])
  // Options that such a command would not follow are none of its.
  for (const args of [
    'log dump -b x:1 leader-epoch-checkpoint',
    'completion bash --profile x',
    'start -b localhost:1',
  ]) {
    const refused = await ottla(args.split(' '), { cwd })
    assert.deepEqual([refused.code, refused.stdout], [2, ''], args)
    assert.match(refused.stderr, /^ottla: unknown option '-/, args)
  }
})

test('help, version and completion', async () => {
  assert.match((await ottla(['-v'])).stdout, /^ottla \d/)
  assert.match((await ottla(['--version'])).stdout, /^ottla \d+\.\d+\.\d+ \(node .+\)\n$/)
  const help = await ottla([])
  assert.equal(help.code, 0)
  for (const name of ['start', 'topic create', 'produce', 'consume', 'log dump', 'bench']) {
    assert.match(help.stdout, new RegExp(`\n  ${name} +[A-Z]`))
  }
  assert.match((await ottla(['topic'])).stdout, /Usage: ottla topic <command>/)
  const consume = await ottla(['consume', '--help'])
  assert.match(consume.stdout, /--follow/)
  assert.equal((await ottla(['help', 'consume'])).stdout, consume.stdout)
  assert.match((await ottla(['help', 'topic', 'create'])).stdout, /^Usage: ottla topic create /)
  assert.equal((await ottla(['help', 'nope'])).code, 2)
  assert.doesNotMatch(consume.stdout, /--max-messages/)
  assert.deepEqual((await ottla(['__complete', 'topic', 'd'])).stdout.split('\n'), ['describe', 'delete', ''])
  assert.equal((await ottla(['__complete', 'consume', '--fol'])).stdout, '--follow\n')
  assert.equal((await ottla(['__complete', '-b', 'x:1', 'topic', 'cr'])).stdout, 'create\n')
  assert.equal((await ottla(['__complete', 'produce', 'x', '-z', 'l'])).stdout, 'lz4\n')
  assert.equal((await ottla(['__complete', 'log', 'dump', '-f', ''])).stdout, '')
  assert.equal((await ottla(['__complete', 'topic', 'list', '-o', 'j'])).stdout, 'json\njsonl\n')
  assert.equal((await ottla(['__complete', 'start', '--log-level', 's'])).stdout, 'silent\n')
  assert.equal((await ottla(['__complete', 'produce', '-i', ''])).stdout, 'text\njsonl\nraw\n')
  assert.equal((await ottla(['__complete', 'completion', 'z'])).stdout, 'zsh\n')
  assert.deepEqual(CODECS, CODEC_NAMES)
  assert.match(await ok('__complete topic describe form'), /^formats\n$/)
  for (const shell of ['bash', 'zsh', 'fish'])
    assert.match((await ottla(['completion', shell])).stdout, /ottla __complete/)
})

test('Ctrl-C ends bench at once, with its topic', async () => {
  const child = spawn(process.execPath, [bin, 'bench', '-n', '100000000', '-b', broker.bootstrap])
  let stderr = ''
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const ended = new Promise((resolve) => child.once('close', resolve))
  const admin = await broker.admin()
  await broker.waitFor(async () => {
    const [topic] = (await admin.listTopics()).filter(({ name }) => name.startsWith('ottla-bench-'))
    return topic !== undefined && (await admin.topicOffsets(topic.name, 'latest')).some(({ offset }) => offset > 1000)
  })
  child.kill('SIGINT')
  assert.deepEqual([await ended, stderr], [130, ''])
  assert.doesNotMatch(await ok('topic list'), /ottla-bench/)
})

test('bench measures and cleans up', async () => {
  const rows = JSON.parse(await ok('bench -n 2000 -s 50 -o json'))
  assert.deepEqual(
    rows.map((r: { what: string }) => r.what),
    ['produce', 'consume', 'end to end'],
  )
  assert.equal(rows[1].records, 2000)
  assert.doesNotMatch(await ok('topic list'), /ottla-bench/)
})
