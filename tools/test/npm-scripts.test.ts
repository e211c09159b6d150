/** What the pages and scripts call by name is there. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { usageOf } from '../arguments.ts'

const root = new URL('../..', import.meta.url).pathname
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
const texts = globSync(['*.md', 'docs/*.md', '{examples,benchmarks,interop,packages,tools}/**/*.{md,ts}', '.ci/**'], {
  cwd: root,
  exclude: (name) => name.includes('node_modules') || name.startsWith('out'),
}).filter((path) => /\.(md|ts|sh)$|\/run$/.test(path))

test('every `npm run` that is mentioned is in package.json', () => {
  const missing: string[] = []
  for (const path of texts) {
    const text = readFileSync(join(root, path), 'utf8')
    for (const [, name] of text.matchAll(/\bnpm run ([a-z][\w:-]*)/g)) {
      if (scripts[name] === undefined) missing.push(`${path}: npm run ${name}`)
    }
  }
  assert.deepEqual(missing, [])
})

test('every script in package.json starts a file that is there', () => {
  const missing: string[] = []
  for (const [name, command] of Object.entries(scripts)) {
    const file = /^node (\S+)/.exec(command)?.[1]
    if (file !== undefined && !existsSync(join(root, file))) missing.push(`${name}: ${file}`)
  }
  assert.deepEqual(missing, [])
})

test('every stage of .ci starts a file that is there', () => {
  for (const path of globSync('.ci/stages/*.sh', { cwd: root })) {
    for (const [, file] of readFileSync(join(root, path), 'utf8').matchAll(/\bnode (\S+\.ts)/g)) {
      assert.ok(existsSync(join(root, file)), `${path} starts ${file}`)
    }
  }
})

test('every script of ours says how it is used, and refuses what it does not know in one sentence', async (t) => {
  for (const [name, command] of Object.entries(scripts)) {
    const [program, ...args] = command.split(' ')
    if (program !== 'node') continue
    await t.test(name, () => {
      const toolUrl = new URL(`../../${args[0]}`, import.meta.url).href
      const run = (...more: string[]) =>
        spawnSync(process.execPath, [...args, ...more], { cwd: root, encoding: 'utf8', timeout: 60_000 })
      // What prints it is the same everywhere: one is enough to run.
      if (name === 'sim') {
        const help = run('--help')
        assert.deepEqual([help.status, help.stdout, help.stderr], [0, usageOf(toolUrl), ''])
      }
      assert.ok(usageOf(toolUrl).length > 50)
      const unknown = run('--no-such-option')
      assert.deepEqual(
        [unknown.status, unknown.stdout, unknown.stderr],
        [1, '', "Unknown option '--no-such-option'; --help tells what there is\n"],
      )
    })
  }
})

test('sim runs no seeds for nobody, and a replay ends with totals', () => {
  const sim = (...args: string[]) =>
    spawnSync(process.execPath, ['tools/sim.ts', ...args], { cwd: root, encoding: 'utf8', timeout: 60_000 })
  const none = sim('--seeds', '0')
  assert.deepEqual([none.status, none.stdout], [1, ''])
  assert.match(none.stderr, /^--seeds takes a whole number, 1 or more, not "0"; .+\n$/)
  const replayed = sim('--replay', '0x17', '--until', '50')
  assert.equal(replayed.status, 0, replayed.stdout)
  assert.match(replayed.stdout, /\n1 passed, 0 failed\n$/)
})
