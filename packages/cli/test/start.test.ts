import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { connect, createServer as createTcpServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { bin, ottla } from './support/run.ts'

interface Ready {
  readonly event: string
  readonly bootstrap: string
  readonly port: number
  readonly httpPort: number | null
  readonly dirs: readonly string[]
  readonly pid: number
}

interface Started {
  readonly child: ChildProcess
  readonly ready: Ready
  readonly stderr: () => string
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'ottla-start-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** `ottla start --json` until it is ready; killed with the test. */
async function start(t: TestContext, args: readonly string[], cwd?: string): Promise<Started> {
  const child = spawn(process.execPath, [bin, 'start', '--json', ...args], { cwd })
  let stdout = ''
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  t.after(() => {
    child.kill('SIGKILL')
    return ended
  })
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk
      if (stdout.includes('\n')) resolve(stdout)
    })
    ended.then(({ code }) => reject(new Error(`ended with ${code}: ${stderr}`)))
  })
  return { child, ready: JSON.parse(line) as Ready, stderr: () => stderr, ended }
}

function reach(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
  })
}

/** Presses Ctrl-C again and again. */
async function pressUntilEnded<T>(child: ChildProcess, ended: Promise<T>): Promise<T> {
  const pressing = setInterval(() => child.kill('SIGINT'), 50)
  try {
    return await ended
  } finally {
    clearInterval(pressing)
  }
}

/** Resolves when a process that is no child of this one has ended. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      // Dead, and nobody has asked for its exit code yet.
      if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The command fails at once, with one sentence for a person and no stack. */
async function refused(args: readonly string[], code: number, sentence: RegExp): Promise<void> {
  const ended = await ottla(['start', '--port', '0', ...args])
  const told = ended.stderr.split('\n').filter((line) => line.startsWith('ottla: '))
  assert.equal(told.length, 1, ended.stderr)
  assert.match(told[0], sentence)
  assert.doesNotMatch(ended.stderr, /\n\s+at /)
  assert.deepEqual([ended.code, ended.stdout], [code, ''])
}

test('a broker starts, says so in one line, answers on both loopback addresses and stops cleanly', async (t) => {
  const cwd = folder(t)
  const { child, ready, ended, stderr } = await start(t, ['--port', '0'], cwd)
  assert.equal(ready.event, 'ready')
  assert.equal(ready.bootstrap, `localhost:${ready.port}`)
  assert.equal(ready.pid, child.pid)
  assert.equal(ready.dirs.length, 1)
  assert.ok(ready.dirs[0].endsWith('/ottla-data'), ready.dirs[0])
  await reach('127.0.0.1', ready.port)
  const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
  if (hasIpv6) await reach('::1', ready.port)
  else t.diagnostic('this machine has no ::1')
  child.kill('SIGTERM')
  assert.deepEqual(await ended, { code: 0, signal: null }, stderr())
  assert.ok(existsSync(join(cwd, 'ottla-data', '.kafka_cleanshutdown')))
})

test('the ready line for people names address and folder; Ctrl-C ends with 0', async (t) => {
  const dir = join(folder(t), 'data')
  const child = spawn(process.execPath, [bin, 'start', '--port', '0', '--dir', dir, '--log-level', 'silent'])
  t.after(() => child.kill('SIGKILL'))
  let stdout = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk
    if (stdout.includes('\n')) child.kill('SIGINT')
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(code, 0)
  assert.match(stdout, /^Ottla is ready on localhost:\d+ after \d+ ms; data in .*data\n$/)
  assert.ok(stdout.includes(dir))
  assert.ok(existsSync(join(dir, '.kafka_cleanshutdown')))
})

test('a closed terminal is a clean stop', async (t) => {
  if (process.platform !== 'linux') {
    t.skip("the `script` of util-linux is wanted, and Linux's signs of a process that has ended")
    return
  }
  const dir = folder(t)
  const pidFile = join(dir, 'pid')
  const data = join(dir, 'data')
  const command = `echo $$ > ${pidFile}; exec '${process.execPath}' '${bin}' start --port 0 --dir ${data}`
  // util-linux's `script` gives the command a terminal of its own, which is gone with it.
  const terminal = spawn('script', ['-qc', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const missing = new Promise<boolean>((resolve) => terminal.once('error', () => resolve(true)))
  let stdout = ''
  const ready = new Promise<boolean>((resolve) => {
    terminal.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk
      if (stdout.includes('Ottla is ready')) resolve(false)
    })
    terminal.once('close', () => resolve(false))
  })
  if (await Promise.race([missing, ready])) {
    t.skip('there is no `script` here that could open a terminal')
    return
  }
  assert.match(stdout, /Ottla is ready/)
  const pid = Number(readFileSync(pidFile, 'utf8'))
  terminal.kill('SIGKILL')
  await gone(pid)
  assert.ok(existsSync(join(data, '.kafka_cleanshutdown')))
})

test('a broker without a terminal, as under nohup, outlives a hangup', async (t) => {
  const { child, ready, ended, stderr } = await start(t, ['--port', '0', '--dir', folder(t)])
  const told = new Promise<void>((resolve) => {
    child.stderr?.on('data', () => {
      if (stderr().includes('SIGHUP changes nothing')) resolve()
    })
  })
  child.kill('SIGHUP')
  await told
  await reach('127.0.0.1', ready.port)
  child.kill('SIGTERM')
  assert.deepEqual(await ended, { code: 0, signal: null }, stderr())
})

test('topics and records are there after kill -9 and a new start on the same folder', async (t) => {
  const dir = folder(t)
  const first = await start(t, ['--port', '0', '--dir', dir])
  const at = ['-b', first.ready.bootstrap]
  assert.equal((await ottla(['topic', 'create', 'orders', '--partitions', '2', ...at])).code, 0)
  assert.equal((await ottla(['produce', 'orders', ...at], { input: 'one\ntwo\n' })).code, 0)
  first.child.kill('SIGKILL')
  assert.equal((await first.ended).signal, 'SIGKILL')
  const second = await start(t, ['--port', '0', '--dir', dir])
  const read = await ottla(['consume', 'orders', '--max', '2', '-f', '%v\\n', '-b', second.ready.bootstrap])
  assert.deepEqual(read.stdout.trim().split('\n').sort(), ['one', 'two'], read.stderr)
})

test('a second Ctrl-C ends at once', async (t) => {
  const { child, ready, ended, stderr } = await start(t, ['--port', '0', '--dir', folder(t)])
  // A client that neither reads nor leaves holds a clean stop up for a while.
  const socket = connect(ready.port, '127.0.0.1')
  t.after(() => socket.destroy())
  await new Promise((resolve) => socket.once('connect', resolve))
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', () => {
      if (stderr().includes('stopping')) resolve()
    })
    child.kill('SIGINT')
  })
  const how = await pressUntilEnded(child, ended)
  // The first may have been enough when the machine was slow.
  assert.ok(how.signal === 'SIGINT' || how.code === 0, JSON.stringify(how))
})

test('one Ctrl-C that comes twice, from the terminal and from npm, is one', async (t) => {
  const dir = folder(t)
  const { child, ended, stderr } = await start(t, ['--port', '0', '--dir', dir])
  child.stderr?.once('data', () => child.kill('SIGINT'))
  child.kill('SIGINT')
  assert.deepEqual(await ended, { code: 0, signal: null }, stderr())
  assert.ok(existsSync(join(dir, '.kafka_cleanshutdown')))
})

test('Ctrl-C before the broker is there ends it at once, however busy it is', async (t) => {
  const dir = folder(t)
  const pipe = join(dir, 'server.properties')
  if (spawnSync('mkfifo', [pipe]).status !== 0) return t.skip('this machine has no mkfifo')
  const child = spawn(process.execPath, [bin, 'start', '--config', pipe, '--dir', join(dir, 'data')])
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'close')
  // Opens when the broker does; it then waits for the text, and cannot listen to anything, as during a recovery.
  const writer = await open(pipe, 'w')
  t.after(() => writer.close())
  child.kill('SIGINT')
  assert.deepEqual(await ended, [null, 'SIGINT'])
})

test('port in use, of the broker and of its metrics, before anything is opened', async (t) => {
  const taken = createTcpServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.after(() => taken.close())
  const { port } = taken.address() as { port: number }
  const dir = folder(t)
  await refused(['--port', String(port), '--dir', dir], 1, new RegExp(`port ${port} is in use`))
  await refused(
    ['--set', `ottla.http.listener=127.0.0.1:${port}`, '--dir', dir],
    1,
    new RegExp(`port ${port} is in use`),
  )
  assert.equal(existsSync(join(dir, '.metadata')), false)
  await start(t, ['--port', '0', '--dir', dir])
})

test('already running on the same folder', async (t) => {
  const dir = folder(t)
  const { ready } = await start(t, ['--port', '0', '--dir', dir])
  await refused(['--dir', dir], 1, new RegExp(`${dir} is in use by the process ${ready.pid}`))
})

test('a newer data format', async (t) => {
  const dir = folder(t)
  const { child, ended } = await start(t, ['--port', '0', '--dir', dir])
  child.kill('SIGTERM')
  await ended
  const stamp = join(dir, 'ottla.format')
  writeFileSync(stamp, readFileSync(stamp, 'utf8').replace(/\d+/, '999'))
  await refused(['--dir', dir], 1, /newer Ottla \(data format 999/)
})

test('no permission, and a folder that is a file', async (t) => {
  const dir = folder(t)
  const file = join(dir, 'file')
  writeFileSync(file, '')
  await refused(
    ['--dir', file],
    1,
    new RegExp(`^ottla: ${file} is a file, not a folder: choose another folder with --dir$`),
  )
  await refused(['--dir', join(file, 'data')], 1, /a part of its path is a file: choose another/)
  await refused(['--dir', ''], 2, /^ottla: --dir names a folder$/)
  symlinkSync(join(dir, 'nowhere'), join(dir, 'link'))
  await refused(['--dir', join(dir, 'link')], 1, /a link that leads nowhere: choose another/)
  if (existsSync('/proc/self')) {
    // Whichever reason the kernel gives: it is one sentence, and soon.
    await refused(['--dir', '/proc/ottla/data'], 1, /^ottla: .*\/proc\/ottla.*: choose another folder/)
    await refused(['--dir', '/sys/ottla'], 1, /^ottla: .*\/sys\/ottla.*: choose another folder/)
  } else t.diagnostic('this machine has no /proc')
  const closed = join(dir, 'closed')
  mkdirSync(closed)
  chmodSync(closed, 0o555)
  // Root may write everywhere, so it runs the command as somebody else.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const child = spawn(process.execPath, [bin, 'start', '--port', '0', '--dir', join(closed, 'data')], user)
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(code, 1, stderr)
  assert.match(stderr, /^ottla: .*no permission.*\n$/m)
  assert.doesNotMatch(stderr, /\n\s+at /)
})

test('commas part the folders of --dir, and nothing with a comma is taken for two', async (t) => {
  const dir = folder(t)
  const [one, two] = [join(dir, 'one'), join(dir, 'two')]
  const { ready, child, ended } = await start(t, ['--port', '0', '--dir', `${one},${two}`])
  assert.deepEqual(ready.dirs, [one, two])
  child.kill('SIGTERM')
  await ended
  const child2 = spawn(process.execPath, [bin, 'start', '--port', '0', '--dir', `${one},${two}`])
  t.after(() => child2.kill('SIGKILL'))
  const [line] = (await once(child2.stdout, 'data')) as [Buffer]
  assert.ok(`${line}`.endsWith(`; data in 2 folders, ${one} and ${two}\n`), `${line}`)
  const both = join(dir, 'a,b')
  mkdirSync(both)
  await refused(['--dir', both], 2, /^ottla: --dir takes folders parted by commas, so .+a,b cannot be named/)
  const ended2 = await ottla(['start', '--port', '0'], { cwd: both })
  assert.deepEqual([ended2.code, ended2.stdout, existsSync(join(dir, 'a'))], [2, '', false])
  assert.match(ended2.stderr, /^ottla: a data folder has no comma in its path, as .+a,b\/ottla-data would: .+\n$/)
})

test('wrong command lines and values are told apart by name', async (t) => {
  const dir = folder(t)
  const at = ['--dir', dir]
  await refused([...at, '--no-such-flag'], 2, /--no-such-flag/)
  await refused([...at, 'orders'], 2, /too many arguments/)
  await refused([...at, '--port', 'many'], 2, /--port is a number/)
  await refused([...at, '--log-level', 'loud'], 2, /--log-level is one of/)
  await refused([...at, '--max-disk', 'big'], 2, /--max-disk is a size/)
  await refused([...at, '--set', 'num.partitions=many'], 2, /num\.partitions/)
  await refused([...at, '--set', 'num.partitions'], 2, /num\.partitions/)
  await refused([...at, '--config', dir], 2, /--config .+ is a folder, not a file/)
  await refused(
    [...at, '--set', 'log.retention.hours=1', '--config', join(dir, 'none.properties')],
    4,
    /there is no file .*none\.properties/,
  )
  for (const setting of [
    'authorizer.class.name=a.B',
    'listeners=SSL://localhost:0',
    'remote.log.storage.system.enable=true',
  ]) {
    const [name] = setting.split(/[=:]/).filter((word) => word !== 'listeners')
    const ended = await ottla(['start', '--dir', dir, '--set', setting])
    assert.equal(ended.code, 2, ended.stderr)
    assert.ok(ended.stderr.includes(name), ended.stderr)
  }
  assert.deepEqual(existsSync(join(dir, 'meta.properties')), false)
})

test('an option and the property it stands for are not given both', async (t) => {
  const at = ['--dir', folder(t)]
  await refused(
    ['--set', 'listeners=PLAINTEXT://localhost:0', ...at],
    2,
    /^ottla: --port and --set listeners say the same/,
  )
  await refused(['--set', 'log.dirs=/nowhere', ...at], 2, /^ottla: --dir and --set log\.dirs say the same/)
  const twice = ['--max-disk', '1G', '--set', 'ottla.max.disk.bytes=5', ...at]
  await refused(twice, 2, /^ottla: --max-disk and --set ottla\.max\.disk\.bytes say the same/)
})

test('--config takes a server.properties, --set goes over it, --port over both', async (t) => {
  const dir = folder(t)
  const data = join(dir, 'from-file')
  const file = join(dir, 'server.properties')
  writeFileSync(
    file,
    `# comment\nnode.id=7\nlisteners=PLAINTEXT://localhost:1\nlog.dirs=${data}\nnum.partitions=3\nlog.retention.hours = 12\n`,
  )
  const { ready } = await start(t, ['--config', file, '--set', 'log.retention.hours=24', '--port', '0'])
  assert.deepEqual(ready.dirs, [data])
  const described = await ottla(['config', 'describe', 'broker/7', '--all', '-o', 'json', '-b', ready.bootstrap])
  assert.equal(described.code, 0, described.stderr)
  assert.match(described.stdout, /log\.retention\.hours[^}]*"24"/)
  assert.match(described.stdout, /num\.partitions[^}]*"3"/)
})

test('start reads no profile', async (t) => {
  const cwd = folder(t)
  writeFileSync(join(cwd, '.ottla.json'), '{ "default": ')
  const { child, ready, ended } = await start(t, ['--port', '0'], cwd)
  await reach('127.0.0.1', ready.port)
  child.kill('SIGTERM')
  assert.equal((await ended).code, 0)
})

test('the ready line in other formats', async (t) => {
  for (const format of ['json', 'yaml']) {
    const child = spawn(process.execPath, [bin, 'start', '--port', '0', '--dir', folder(t), '-o', format])
    t.after(() => child.kill('SIGKILL'))
    let stdout = ''
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk
        if (stdout.includes('startMs')) resolve()
      })
      child.once('close', () => resolve())
    })
    child.kill('SIGKILL')
    assert.match(stdout, format === 'json' ? /^\{\n {2}"event": "ready",\n/ : /^event: ready\nbootstrap: "?localhost:/)
  }
})

test('metrics, health and readiness over http', async (t) => {
  const args = ['--port', '0', '--dir', folder(t), '--set', 'ottla.http.listener=127.0.0.1:0']
  const { ready } = await start(t, args)
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${ready.httpPort}${path}`, { method })
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
  }
  const metrics = await get('/metrics')
  assert.deepEqual([metrics.status, metrics.type], [200, 'text/plain; version=0.0.4; charset=utf-8'])
  for (const line of metrics.body.trim().split('\n')) {
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^}]*\})? -?[0-9.e+]+)$/)
  }
  assert.deepEqual([(await get('/health')).status, (await get('/ready')).status], [200, 200])
  assert.deepEqual([(await get('/other')).status, (await get('/health', 'POST')).status], [404, 405])
})
