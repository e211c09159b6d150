/** docs/limits.md tells the values that the code has, and leaves out no bound. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = new URL('../..', import.meta.url).pathname
const page = readFileSync(join(root, 'docs/limits.md'), 'utf8')

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  ms: 1,
  s: 1000,
  min: 60_000,
}

interface Row {
  readonly name: string
  readonly value: number
  readonly file: string
}

/** `| `NAME` | 32 MiB | … | `file.ts` |` */
const rows: Row[] = [...page.matchAll(/^\| `(\w+)` \| (\d+)(?: (\w+))? \| .* \| `([^`]+\.ts)` \|$/gm)].map(
  ([, name, count, unit = '', file]) => ({ name, value: Number(count) * UNITS[unit], file }),
)

/** Constants of a source file that are made of numbers alone. */
function constantsOf(file: string): Map<string, number> {
  const found = new Map<string, number>()
  const source = readFileSync(join(root, file), 'utf8')
  for (const [, name, text] of source.matchAll(/^(?:export )?const (\w+)(?:: number)? = ([\d_x.*+\- a-f()]+)$/gm)) {
    found.set(name, Number(new Function(`return ${text}`)()))
  }
  return found
}

test('every constant on the page has that value', () => {
  assert.ok(rows.length > 50, `${rows.length} rows were read`)
  for (const { name, value, file } of rows) {
    assert.equal(constantsOf(join('packages', file)).get(name), value, `${name} in packages/${file}`)
  }
})

test('every row of the page was read', () => {
  const all = page.split('\n').filter((line) => /^\| `/.test(line) && line.includes('.ts`'))
  assert.equal(all.length, rows.length)
})

test('every property on the page has that default', () => {
  const configuration = readFileSync(join(root, 'docs/configuration.md'), 'utf8')
  const properties = [...page.matchAll(/^\| `([a-z][a-z.]+)` \| (\d+) \|/gm)]
  assert.ok(properties.length >= 10)
  for (const [, name, value] of properties) {
    const described = new RegExp(`^\\| \`${name.replaceAll('.', '\\.')}\` \\| \\w+, \`${value}\` \\|`, 'm')
    assert.match(configuration, described)
  }
})

/** Maxima that bound nothing that grows: widths of fields and ranges that a format gives. */
const OF_FORMATS = new Set([
  'BATCH_BYTES_MAX',
  'BYTES_PER_BYTE_MAX',
  'BYTEWISE_MAX',
  'CHUNK_BYTES_MAX',
  'DEPTH_MAX',
  'INIT_PRODUCER_ID_MAX',
  'LENGTH_BYTES_MAX',
  'LZ4_LEVEL_MAX',
  'OFFSET_DELTA_BYTES_MAX',
  'RELATIVE_OFFSET_MAX',
  'SEQUENCE_MAX',
  'TIMESTAMP_DELTA_BYTES_MAX',
  'VARINT_BYTES_MAX',
  'VARLONG_BYTES_MAX',
  'ZSTD_LEVEL_MAX',
  'delayMsMax',
])

test('every constant that is named as a maximum is on the page', () => {
  const missing: string[] = []
  for (const path of globSync('packages/*/src/**/*.ts', { cwd: root }).sort()) {
    if (/^packages\/(simulator|testkit|runtime\/src\/sim)\//.test(path)) continue
    for (const [name, value] of constantsOf(path)) {
      if (!/(_MAX|Max)(_|$|[A-Z])/.test(name) || OF_FORMATS.has(name)) continue
      const file = path.slice('packages/'.length)
      // The block of a compression format has the name of another bound.
      if (file === 'protocol/src/records/compression/sequences.ts') continue
      if (!rows.some((row) => row.name === name && row.file === file)) missing.push(`${name} = ${value} in ${file}`)
    }
  }
  assert.deepEqual(missing, [])
})
