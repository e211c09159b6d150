import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const dir = mkdtempSync(join(tmpdir(), 'ottla-peers-'))
process.env.OTTLA_PEERS_DIR = dir
after(() => rmSync(dir, { recursive: true, force: true }))
const { installOnce, run } = await import('../folders.ts')

test('a recipe is followed once, and again when it changed', async () => {
  let built = 0
  const build = async (into: string) => {
    built++
    writeFileSync(join(into, `file-${built}`), '')
  }
  assert.deepEqual(await installOnce('one', { version: 1 }, build), {
    name: 'one',
    path: join(dir, 'one'),
    cached: false,
  })
  assert.equal((await installOnce('one', { version: 1 }, build)).cached, true)
  assert.equal((await installOnce('one', { version: 2 }, build)).cached, false)
  assert.equal(built, 2)
  assert.deepEqual(readdirSync(join(dir, 'one')).sort(), ['.recipe.json', 'file-2'])
})

test('a failed install leaves nothing that passes for a whole one', async () => {
  const build = async (into: string) => {
    writeFileSync(join(into, 'half'), '')
    throw new Error('the network went away')
  }
  await assert.rejects(installOnce('two', {}, build), /the network went away/)
  assert.equal(existsSync(join(dir, 'two')), false)
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.includes('unfinished')),
    [],
  )
})

test('a failed program is reported with the line that says why', async () => {
  const script = 'console.error("starting"); console.error("Error: no such jar"); process.exit(3)'
  await assert.rejects(run(process.execPath, ['-e', script]), /ended with 3: Error: no such jar/)
})
