/** docs/errors.md has every code that the source has, and no other. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitCodes } from '../../packages/cli/src/exit-codes.ts'

const root = new URL('../..', import.meta.url).pathname
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const page = read('docs/errors.md')
const headings = (from: string, to: string): string[] =>
  [...page.slice(page.indexOf(from), page.indexOf(to)).matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code).sort()

/** The members of a union of strings. */
function unionOf(path: string, type: string): string[] {
  const source = read(path)
  const start = source.indexOf(`type ${type} =`)
  assert.ok(start >= 0, `${path} has no ${type}`)
  const union = /^(?:\s*(?:\/\*\*.*\*\/|\| '\w+'))+/.exec(source.slice(source.indexOf('=', start) + 1))![0]
  return [...union.matchAll(/\| '(\w+)'/g)].map(([, code]) => code)
}

function tableOf(title: string): string[] {
  const start = page.indexOf(`| \`${title}\` |`)
  const table = page.slice(start, page.indexOf('\n\n', start)).split('\n').slice(2)
  return table.map((line) => /^\| `(\w+)` \|/.exec(line)![1]).sort()
}

test('storage and metadata: a heading for each code', () => {
  const [, damage] = /code: ('[\w' |]+)$/m.exec(read('packages/cluster/src/embedded/files.ts'))!
  const metadata = [...damage.matchAll(/'(\w+)'/g)].map(([, code]) => code)
  const codes = [...unionOf('packages/storage/src/errors.ts', 'StorageErrorCode'), ...metadata]
  assert.deepEqual(headings('## A broker that', '## What a client'), codes.sort())
})

test('client and connections: a heading for each code', () => {
  const codes = new Set(unionOf('packages/net/src/errors.ts', 'ConnectionErrorCode'))
  for (const path of globSync('packages/{client,net,cli}/src/**/*.ts', { cwd: root })) {
    for (const [, code] of read(path).matchAll(/new KafkaError\(\s*'(\w+)'/g)) codes.add(code)
  }
  for (const [, code] of read('packages/client/src/errors.ts').matchAll(/super\(\s*'(\w+)'/g)) codes.add(code)
  assert.deepEqual(headings('## What a client', '## What the protocol'), [...codes].sort())
})

test('protocol: a row for each code', () => {
  assert.deepEqual(tableOf('CodecError'), unionOf('packages/protocol/src/codec/errors.ts', 'CodecErrorCode').sort())
  const records = unionOf('packages/protocol/src/records/errors.ts', 'RecordsErrorCode')
  assert.deepEqual(tableOf('RecordsError'), records.sort())
})

test('command line: a row for each exit code', () => {
  const rows = [...page.matchAll(/^\| (\d+) \| `(\w+)` \|/gm)].map(([, code, name]) => [name, Number(code)])
  assert.deepEqual(Object.fromEntries(rows), exitCodes)
})
