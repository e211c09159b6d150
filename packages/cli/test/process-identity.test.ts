import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isAlive, newInstance } from '../src/start/process-identity.ts'

test('a lock is held by an instance of this process until it is released', () => {
  const first = newInstance()
  const second = newInstance()
  assert.equal(isAlive(first.identity), true)
  first.release()
  assert.equal(isAlive(first.identity), false)
  assert.equal(isAlive(second.identity), true)
  second.release()
})

test('another boot, another start or another pid: the holder of a lock is gone', () => {
  const { identity, release } = newInstance()
  assert.equal(isAlive({ ...identity, bootId: 'of before the reboot' }), false)
  assert.equal(isAlive({ ...identity, startedAt: '12345#1' }), false)
  release()
})

test('another process holds its lock as long as it lives', async (t) => {
  if (process.platform !== 'linux') {
    t.skip('start times of other processes are read from /proc')
    return
  }
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const { identity, release } = newInstance()
  release()
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1')
  const startedAt = `${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}#1`
  const holder = { pid: child.pid!, startedAt, bootId: identity.bootId }
  assert.equal(isAlive(holder), true)
  // The same pid given to a process that began later.
  assert.equal(isAlive({ ...holder, startedAt: '1#1' }), false)
  assert.equal(isAlive({ ...holder, bootId: 'of before the reboot' }), false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(isAlive(holder), false)
})
