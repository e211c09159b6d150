import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { Runtime } from '@ottla/runtime'
import { type SimMachine, Simulation } from '@ottla/runtime/sim'
import { FolderRemover } from '../src/folder-remover.ts'
import { withCalls } from './support/file-systems.ts'

const LARGE = 2 << 20

let simulation: Simulation
let machine: SimMachine
let runtime: Runtime
/** What is waited for, and what is not, in the order in which it is asked for. */
let calls: string[]
let failures: string[]
let remover: FolderRemover

beforeEach(() => {
  simulation = new Simulation({ seed: 1, traceEntriesMax: 64 })
  machine = simulation.addMachine('m', { disk: { syncMs: [10, 10] } })
  runtime = machine.start()
  calls = []
  failures = []
  const { fs } = runtime
  const watched = withCalls(fs, {
    unlink: (path) => {
      calls.push(`unlink ${path}`)
      fs.unlink(path)
    },
    remove: (path, done) => {
      calls.push(`remove ${path}`)
      fs.remove(path, done)
    },
  })
  remover = new FolderRemover({ ...runtime, fs: watched }, (path, error) => failures.push(`${path} ${error.message}`))
})

function settle(ms: number): void {
  simulation.scheduler.runSync({ untilMs: simulation.scheduler.nowMs + ms })
}

function write(path: string, bytes: number): void {
  const file = runtime.fs.open(path, 'w+')
  file.truncateSync(bytes)
  file.close()
}

test('large files are not waited for, neither alone nor in a folder, and go one after the other', () => {
  const { fs } = runtime
  fs.mkdir('/d/t-0.gone-delete')
  write('/d/t-0.gone-delete/0.index', 10)
  write('/d/t-0.gone-delete/0.log', LARGE)
  write('/d/t-0.gone-delete/1.log', LARGE)
  write('/d/0.index.deleted', 10)
  write('/d/0.log.deleted', LARGE)
  write('/d/1.index.deleted', 10)
  remover.removeFolder('/d/t-0.gone-delete', 0)
  settle(5)
  // Comes while the first large file is under way.
  remover.removeFiles(['/d/0.log.deleted', '/d/0.index.deleted'], 0)
  remover.removeFiles(['/d/1.index.deleted'], 1)
  settle(5 - 1)
  assert.deepEqual(calls, ['unlink /d/t-0.gone-delete/0.index', 'remove /d/t-0.gone-delete/0.log'])
  settle(100)
  assert.deepEqual(calls.slice(2), [
    'remove /d/t-0.gone-delete/1.log',
    'remove /d/0.log.deleted',
    'unlink /d/0.index.deleted',
    'unlink /d/1.index.deleted',
  ])
  assert.deepEqual(fs.readdir('/d'), [])
  assert.deepEqual(failures, [])
})

test('what cannot be removed is told, and the rest goes on', () => {
  const { fs } = runtime
  for (const name of ['a', 'b', 'c', 'd']) write(`/${name}`, name < 'c' ? LARGE : 1)
  machine.disk.inject({ call: 'unlink', path: (path) => path === '/a' || path === '/c' })
  machine.disk.inject({ call: 'unlink', path: (path) => path === '/c' })
  remover.removeFiles(['/a', '/missing', '/b', '/c', '/d'], 0)
  settle(100)
  assert.deepEqual(
    failures.map((failure) => failure.split(' ').slice(0, 2).join(' ')),
    ['/a EIO:', '/c EIO:'],
  )
  assert.deepEqual(fs.readdir('/'), ['a', 'c'])
})

test('stopped, it begins nothing, and what was under way says nothing any more', () => {
  for (const name of ['a', 'b']) write(`/${name}`, LARGE)
  machine.disk.inject({ call: 'unlink', path: (path) => path === '/a' })
  remover.removeFiles(['/a', '/b'], 0)
  settle(5)
  assert.deepEqual(calls, ['remove /a'])
  remover.stop()
  remover.removeFiles(['/b'], 0)
  settle(100)
  assert.deepEqual([calls, failures], [['remove /a'], []])
})
