// biome-ignore-all lint/suspicious/noTemplateCurlyInString: planted sources are strings
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { arrows, type Package, violationsIn, violationsOfOutsider } from './arrows.ts'
import { moduleNames, scanSource } from './source-scan.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

function sourceFiles(folder: string, leaveOut: readonly string[]): string[] {
  const absolute = path.join(root, folder)
  if (!fs.existsSync(absolute)) return []
  const files: string[] = []
  for (const entry of fs.readdirSync(absolute, { withFileTypes: true })) {
    if (leaveOut.includes(entry.name)) continue
    const name = `${folder}/${entry.name}`
    if (entry.isDirectory()) files.push(...sourceFiles(name, leaveOut))
    else if (/\.[cm]?[jt]sx?$/.test(entry.name)) files.push(name)
  }
  return files
}

function packageOf(room: string): Package {
  const json = JSON.parse(fs.readFileSync(path.join(root, 'packages', room, 'package.json'), 'utf8'))
  const dependencies = new Set<string>()
  for (const group of ['dependencies', 'optionalDependencies', 'peerDependencies']) {
    for (const name of Object.keys(json[group] ?? {})) dependencies.add(name)
  }
  return { room, dependencies: json.private === true ? undefined : dependencies }
}

test('every package keeps to its arrows, and only some touch the world', () => {
  const found: string[] = []
  let files = 0
  for (const room of fs.readdirSync(path.join(root, 'packages'))) {
    if (!fs.existsSync(path.join(root, 'packages', room, 'package.json'))) continue
    const owner = packageOf(room)
    for (const file of sourceFiles(`packages/${room}`, ['test', 'node_modules', 'dist', 'out'])) {
      files += 1
      found.push(...violationsIn(file, fs.readFileSync(path.join(root, file), 'utf8'), owner))
    }
  }
  assert.ok(files > 50, `only ${files} files were found`)
  assert.deepEqual(found, [], `\n${found.join('\n')}\n`)
})

test('examples, benchmarks and interop programs use packages by their names', () => {
  const found: string[] = []
  for (const folder of ['examples', 'benchmarks', 'interop']) {
    for (const file of sourceFiles(folder, ['node_modules', 'dist', 'out', '.peers'])) {
      found.push(...violationsOfOutsider(file, fs.readFileSync(path.join(root, file), 'utf8')))
    }
  }
  assert.deepEqual(found, [], `\n${found.join('\n')}\n`)
})

const storage: Package = { room: 'storage', dependencies: new Set(['@ottla/protocol', '@ottla/runtime', 'kept']) }

function planted(source: string, owner: Package = storage): string[] {
  return violationsIn(`packages/${owner.room}/src/planted.ts`, source, owner)
}

test('planted: each way to touch the world is found, with its line', () => {
  const lines = [
    'const a = Date.now()',
    'const a = Date . now()',
    'const a = new Date()',
    'const a = new Date( )',
    'const a = new Date',
    'const a = `${Date()}`',
    'const { now } = Date\n',
    "const a = Date['now']()",
    'const a = performance.now()',
    "const a = performance['now']()",
    'setTimeout(f, 1)',
    'await new Promise((r) => setImmediate(r))',
    'new Promise(setImmediate)\n',
    'const t = setInterval(f, 1)',
    'AbortSignal.timeout(5)',
    'const a = Math.random()',
    'const a = crypto.randomUUID()',
    'const a = crypto.getRandomValues(b)',
    "import { randomBytes } from 'node:crypto'",
    'const a = process.hrtime.bigint()',
    'const a = globalThis.setTimeout',
    'const a = globalThis.crypto',
    "import fs from 'node:fs'",
    "import fs from 'fs'",
    "import type { Socket } from 'node:net'",
    "import { x } from 'node:fs/promises'",
    "export * from 'node:tls'",
    "import 'node:http'",
    "const d = await import('node:dns')",
    "const d = require('child_process')",
    "const d = nodeRequire('worker_threads')",
    "const d = process.getBuiltinModule('node:dgram')",
    "const d = load('node:net')",
    "import {\n  a,\n  b,\n} from 'node:timers/promises'",
    'import https from "https"',
    'const a = `x ${`y ${Date.now()}`} z`',
    "const re = /'/; const a = Date.now() // '",
    'const half = total / 2; const b = Math.random() / 3',
  ]
  for (const line of lines) {
    const found = planted(`// first line\n\n${line}`)
    assert.ok(found.length >= 1, `not found: ${line}`)
    const expectedLine = line.startsWith('import {\n') ? 6 : 3
    assert.ok(found[0].startsWith(`packages/storage/src/planted.ts:${expectedLine}: `), `${line}\n${found}`)
  }
})

test('planted: what only looks like it is left alone', () => {
  const harmless = [
    "// Date.now() and import fs from 'node:fs'",
    '/* setTimeout(f, 1)\n Math.random() */',
    'const text = \'Date.now() setTimeout(f) import x from "node:fs"\'',
    'const text = `Date.now() \\` Math.random()`',
    'const pattern = /Date.now()|setTimeout\\(|[/]Math.random()/g',
    'const at = new Date(wallMs)',
    'const at: Date = dateOf(1)',
    'function f(at: Date, other: Date): Date {}',
    'clock.now(); timers.setTimer(f, 1); random.below(3)',
    'this.timers.setTimeout(f); this.#setImmediate()',
    'interface T { setTimeout(fn: () => void): void }'.replace('setTimeout(', 'setTimer('),
    'Date.UTC(2026, 0, 1)',
    'const message = { timers: 1, performance: 2, randomBytes: 3 }',
    "import crypto from 'node:crypto'\ncrypto.createHash('sha1')",
    "import path from 'node:path'",
    "const name = 'fs'; const room = 'net'",
    "Buffer.from('fs')",
    "import x from 'kept/sub'",
    "import type { Clock } from '@ottla/runtime'",
    "import { nodeRuntime } from '@ottla/runtime/node'",
    'const key = `${from}>${to}`; const b = `a from${x}kept-not`',
    "import { a } from './other.ts'; import { b } from '../src/files/b.ts'",
  ]
  for (const source of harmless) assert.deepEqual(planted(source), [], source)
})

test('planted: arrows against the drawing, undeclared packages and short cuts', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["import { x } from '@ottla/net'", /storage may not import net/],
    ["import type { x } from '@ottla/broker'", /storage may not import broker/],
    ["export { x } from '@ottla/client/deep'", /storage may not import client/],
    ["await import('ottla')", /storage may not import cli/],
    ["import x from 'left-pad'", /left-pad is not in the dependencies/],
    ["import x from '@scope/left-pad/sub'", /@scope\/left-pad\/sub is not in the dependencies/],
    ["import x from '../../protocol/src/index.ts'", /reaches out of its package/],
    ["import x from '../test/helper.ts'", /code imports a test/],
  ]
  for (const [source, expected] of cases) assert.match(planted(source).join(), expected, source)
  assert.match(
    planted("import { x } from '@ottla/runtime'", { room: 'coordinator', dependencies: new Set() }).join(),
    /may not import runtime/,
  )
  assert.match(
    planted("import { x } from '@ottla/net'", { room: 'client', dependencies: new Set() }).join(),
    /not in the dependencies/,
  )
  assert.match(planted('', { room: 'attic', dependencies: new Set() }).join(), /no room called attic/)
  assert.deepEqual(planted("import fs from 'node:fs'; Date.now()", { room: 'runtime', dependencies: new Set() }), [])
  assert.equal(
    violationsIn('packages/streams/src/state/lmdb.ts', "import fs from 'node:fs'", {
      room: 'streams',
      dependencies: new Set(),
    }).length,
    0,
  )
  assert.equal(violationsOfOutsider('examples/a.ts', "import x from '../packages/cli/src/index.ts'").length, 1)
  assert.equal(violationsOfOutsider('examples/a.ts', "import x from 'ottla'; import y from './b.ts'").length, 0)
})

test('the drawing has no circle', () => {
  const reach = (from: string, path: readonly string[]): void => {
    assert.ok(!path.includes(from), [...path, from].join(' → '))
    // The two private rooms may look at everything, and no room may look at them.
    if (from === 'simulator' || from === 'testkit') return
    for (const to of arrows[from]) reach(to, [...path, from])
  }
  for (const room of Object.keys(arrows)) reach(room, [])
  for (const [room, targets] of Object.entries(arrows)) {
    if (room !== 'simulator' && room !== 'testkit')
      assert.ok(!targets.includes('testkit') && !targets.includes('simulator'))
  }
})

test('the scanner tells code from text', () => {
  const source = "a('x'); b(\"y\\\"z\"); c(`m${d('n')}o`); // 'no'\n/* \"no\" */ e(/'no'/)"
  const { code, literals } = scanSource(source)
  assert.equal(code.length, source.length)
  assert.deepEqual(
    literals.map((literal) => literal.value),
    ['x', 'y\\"z', 'm', 'n', 'o'],
  )
  assert.doesNotMatch(code, /no/)
  assert.deepEqual(
    moduleNames(scanSource("import a from 'b'\nconst c = from('d')\nexport { e } from \"f\"")).map((l) => l.value),
    ['b', 'f'],
  )
})
