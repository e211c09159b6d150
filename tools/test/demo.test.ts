/** The demo as its reader runs it: a second time too, and while the broker it told them to start is running. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'

const root = new URL('../..', import.meta.url).pathname

/** A program of the checkout in a folder, until it ends or has said something on standard output. */
function launch(t: TestContext, cwd: string, args: readonly string[]) {
  const child = spawn(process.execPath, args, { cwd })
  let output = ''
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const said = new Promise<string>((resolve) => {
    child.stdout.on('data', (chunk) => resolve((output += chunk)))
    child.stderr.on('data', (chunk) => (output += chunk))
    void ended.then(() => resolve(output))
  })
  t.after(() => {
    child.kill('SIGKILL')
    return ended
  })
  return { child, said, ended, output: () => output }
}

test('the demo leaves a folder that a running broker uses alone, and no broker when it is ended', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-demo-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const start = [join(root, 'packages/cli/bin/ottla.js'), 'start', '--port', '0', '--json', '--dir', 'demo-data']
  const demo = [join(root, 'tools/demo.ts')]
  const broker = launch(t, folder, start)
  assert.match(await broker.said, /"event":"ready"/)

  const refused = launch(t, folder, demo)
  assert.equal(await refused.ended, 1)
  assert.match(refused.output(), /^demo failed: .*demo-data is in use by the broker of process \d+: stop it first\n$/)
  assert.ok(existsSync(join(folder, 'demo-data/meta.properties')))
  broker.child.kill('SIGTERM')
  assert.equal(await broker.ended, 0)

  const cut = launch(t, folder, demo)
  assert.match(await cut.said, /^broker {4}ready on /)
  cut.child.kill('SIGTERM')
  assert.equal(await cut.ended, 1)
  // Its folder is free: what it had started has gone with it.
  const again = launch(t, folder, start)
  assert.match(await again.said, /"event":"ready"/, again.output())
})
