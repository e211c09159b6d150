import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toTable } from '../src/output/table.ts'
import { toYaml } from '../src/output/yaml.ts'
import { compileFormat } from '../src/records/format.ts'
import { linesOf } from '../src/records/lines.ts'
import { parseOffsetRange } from '../src/records/offset-spec.ts'
import { parseDuration, parseTime } from '../src/records/time.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')

test('dates that do not exist are none; times without a zone are UTC, or local where that is asked for', () => {
  assert.equal(parseTime('2026-02-30', 0), null)
  assert.equal(parseTime('2026-02-28T24:30', 0), null)
  assert.equal(parseTime('2024-02-29', 0), Date.UTC(2024, 1, 29))
  assert.equal(parseTime('999999999', 0), 999_999_999_000)
  const local = new Date(2026, 0, 31, 12, 30).getTime()
  assert.equal(parseTime('2026-01-31T12:30', 0, true), local)
  assert.equal(parseTime('2026-01-31', 0, true), new Date(2026, 0, 31).getTime())
  assert.equal(parseTime('2026-01-31T12:30Z', 0, true), Date.UTC(2026, 0, 31, 12, 30))
  assert.deepEqual(parseOffsetRange('@2026-01-31T12:30', 0, true).from, { kind: 'time', timeMs: local })
})

test('the grammar of offsets', () => {
  const table: [string, string][] = [
    ['start', '{"from":{"kind":"start"},"until":null}'],
    ['end', '{"from":{"kind":"end"},"until":null}'],
    ['+5', '{"from":{"kind":"after-start","records":5},"until":null}'],
    ['-5', '{"from":{"kind":"before-end","records":5},"until":null}'],
    ['42', '{"from":{"kind":"offset","offset":42},"until":null}'],
    ['3:9', '{"from":{"kind":"offset","offset":3},"until":{"kind":"offset","offset":9}}'],
    [':9', '{"from":{"kind":"start"},"until":{"kind":"offset","offset":9}}'],
    [':end', '{"from":{"kind":"start"},"until":{"kind":"end"}}'],
    ['3:', '{"from":{"kind":"offset","offset":3},"until":{"kind":"end"}}'],
    ['3:+4', '{"from":{"kind":"offset","offset":3},"until":{"kind":"offset","offset":7}}'],
    ['-9:+4', '{"from":{"kind":"before-end","records":9},"until":{"kind":"before-end","records":5}}'],
    ['@-1h', `{"from":{"kind":"time","timeMs":${NOW - 3_600_000}},"until":null}`],
    [
      '@-2h:-1h',
      `{"from":{"kind":"time","timeMs":${NOW - 7_200_000}},"until":{"kind":"time","timeMs":${NOW - 3_600_000}}}`,
    ],
    [
      '@2026-01-31:1h',
      '{"from":{"kind":"time","timeMs":1769817600000},"until":{"kind":"time","timeMs":1769821200000}}',
    ],
    [
      '@2026-01-31T00:00:00Z:30m',
      '{"from":{"kind":"time","timeMs":1769817600000},"until":{"kind":"time","timeMs":1769819400000}}',
    ],
    [
      '@-2h:1h',
      `{"from":{"kind":"time","timeMs":${NOW - 7_200_000}},"until":{"kind":"time","timeMs":${NOW - 3_600_000}}}`,
    ],
    ['@1700000000:end', '{"from":{"kind":"time","timeMs":1700000000000},"until":{"kind":"end"}}'],
    [
      '@2026-01-31T10:20:30Z:2026-02-01',
      `{"from":{"kind":"time","timeMs":${Date.parse('2026-01-31T10:20:30Z')}},"until":{"kind":"time","timeMs":${Date.parse('2026-02-01')}}}`,
    ],
  ]
  for (const [text, expected] of table) assert.equal(JSON.stringify(parseOffsetRange(text, NOW)), expected, text)
  for (const backwards of [
    '7:3',
    '-3:-10',
    '5:start',
    'end:start',
    'end:-5',
    '@-1h:-2h',
    '@2026-02-01:@2026-01-31',
    '@2026-01-31:-30m',
  ]) {
    assert.throws(() => parseOffsetRange(backwards, NOW), /^UsageError: --offset .+ ends before it begins/, backwards)
  }
  for (const possible of ['7:7', 'end:end', 'start:start', '-3:2', '9:-3', 'end:100']) parseOffsetRange(possible, NOW)
  for (const wrong of ['', 'soon', '1.5', '--3', '@', '@x:y', '99999999999999999999', 'end:+3']) {
    assert.throws(() => parseOffsetRange(wrong, NOW), { name: 'UsageError' }, wrong)
  }
})

test('times and durations', () => {
  assert.equal(parseTime('1700000000', NOW), 1_700_000_000_000)
  assert.equal(parseTime('1700000000123', NOW), 1_700_000_000_123)
  assert.equal(parseTime('1700000000123456789', NOW), 1_700_000_000_123)
  assert.equal(parseTime('0', NOW), 0)
  assert.equal(parseTime('86400', NOW), 86_400_000)
  assert.equal(parseTime('86400000000', NOW), 86_400_000_000)
  assert.equal(parseTime('1700000000123456', NOW), 1_700_000_000_123)
  // A date without its hyphens would be a day in August 1970.
  assert.equal(parseTime('20260131', NOW), null)
  assert.equal(parseTime('2026-01-31 10:20', NOW), Date.parse('2026-01-31T10:20:00Z'))
  assert.equal(parseTime('2026-01-31T10:20:00+02:00', NOW), Date.parse('2026-01-31T08:20:00Z'))
  assert.equal(parseTime('2026-13-01', NOW), null)
  assert.equal(parseDuration('1h30m'), 5_400_000)
  assert.equal(parseDuration('1.5s'), 1500)
  assert.equal(parseDuration('90'), null)
})

const batch = {
  partitionLeaderEpoch: 7,
  producerId: 4000,
  producerEpoch: 2,
  codec: 3,
  isLogAppendTime: true,
  isTransactional: false,
  isControl: false,
}

const record = {
  topic: 'tö',
  partition: 3,
  offset: 260,
  timestamp: 1_700_000_000_123,
  key: Buffer.from('key'),
  value: Buffer.from([0x00, 0xff]),
  headers: [
    { key: 'a', value: Buffer.from('1') },
    { key: 'b', value: null },
  ],
  batch,
  bounds: { logStartOffset: 10, lastStableOffset: 300, highWatermark: 301 },
}

const format = (text: string) => compileFormat(text)(record, 12)

test('formats of a record', () => {
  const table: [string, string][] = [
    ['%t %p %o %e %i %k', 'tö 3 260 7 12 key'],
    ['%T %K %V %S %H', '3 3 2 2 2'],
    ['%v{hex} %v{base64} %k{json} %s{base64raw} %k{}', '00ff AP8= "key" AP8 key'],
    ['%h|%h{%k:%v;}|%h{%K%V }', 'a=1,b=NULL|a:1;b:;|11 1-1 '],
    ['%x %y %x{hex32}', '4000 2 00000fa0'],
    ['%[ %| %] %]{big8}', '10 300 301 -'],
    ['%% %{ %} \\t\\n\\\\ ö😀', '% { } \t\n\\ ö😀'],
    ['%o{hex} %o{hex16} %o{hex4} %p{bool} %o{number}', '104 0104 4 true 260'],
  ]
  for (const [text, expected] of table) assert.equal(format(text).toString(), expected, text)
  assert.deepEqual([...format('%o{big16}%o{little32}%p{byte}%R\\xff\\0')], [1, 4, 4, 1, 0, 0, 3, 0, 0, 0, 2, 0xff, 0])
  assert.deepEqual([...format('%v')], [0x00, 0xff])
  assert.equal(
    compileFormat('[%k][%v]%K%V{big8}%R%[')({ ...record, key: null, value: null, bounds: null }, 1).toString('latin1'),
    '[][]-1\xff\xff\xff\xff\xff-1',
  )
  assert.deepEqual([compileFormat('%o %]').asksForBounds, compileFormat('%o ]').asksForBounds], [true, false])
})

test('formats of times', () => {
  const table: [string, string][] = [
    ['%d %d{s} %d{ms} %d{iso}', '1700000000123 1700000000 1700000000123 2023-11-14T22:13:20.123Z'],
    ['%d{hex64} %d{hex}', '0000018bcfe5687b 18bcfe5687b'],
    ['%d{strftime[%Y/%m/%d %H:%M:%S.%f %%]}', '2023/11/14 22:13:20.123 %'],
    ['%d{strftime##%F %T %a %b %e %j %I %p %y##}', '2023-11-14 22:13:20 Tue Nov 14 318 10 PM 23'],
    ['%d{strftime{%c|%D|%r|%U %W %u %z}}', 'Tue Nov 14 22:13:20 2023|11/14/23|10:13:20 PM|46 46 2 +0000'],
    ['%d{go##2006-01-02T15:04:05Z07:00##}', '2023-11-14T22:13:20Z'],
    ['%d{go[Mon, _2 Jan 2006 3:04:05.00 PM -0700 MST]}', 'Tue, 14 Nov 2023 10:13:20.12 PM +0000 UTC'],
    ['%d{go[Monday 06-1-2 15:4:5,999999 002]}', 'Tuesday 23-11-14 22:13:20,123 318'],
  ]
  for (const [text, expected] of table) assert.equal(format(text).toString(), expected, text)
  const none = compileFormat('%d %d{iso} %d{strftime[%F]} %d{go[2006]}')
  assert.equal(none({ ...record, timestamp: -1 }, 1).toString(), '-1 - - -')
  assert.match(none({ ...record, timestamp: 8.64e15 + 1 }, 1).toString(), /^8640000000000001( 8640000000000001){3}$/)
})

test('formats of attributes', () => {
  assert.equal(format('%a{compression} %a{compression;number} %a{compression;hex8}').toString(), 'lz4 3 03')
  assert.equal(format('%a{timestamp-type} %a{transactional-bit} %a{control-bit;bool}').toString(), '1 0 false')
})

test('unpacked bytes', () => {
  const value = Buffer.from([0xfe, 0xfe, 0x01, 0x02, 0xff, 0xff, 0xff, 0xff, 0x2d, 0x61, 0x62])
  const unpacked = (layout: string) => compileFormat(`%v{unpack${layout}}`)({ ...record, value }, 1).toString()
  assert.equal(unpacked('[b]'), '-2')
  assert.equal(unpacked('[B<b>Hi.s]'), '254-2258-1-ab')
  assert.equal(unpacked('{<bBhIcc$}'), '-22545134294967295-a(1 bytes are left)')
  assert.equal(unpacked('##Q##'), String(0xffffffff0201fefen))
  assert.equal(unpacked('((qqx))'), `${BigInt.asIntN(64, 0xffffffff0201fefen)}(3 of 8 bytes)`)
})

test('a wrong format is refused in one sentence', () => {
  const wrongs = ['%', '%z', '%😀', '%v{rot13}', '%o{big7}', '%d{x}', '%h{%z}', '%h{%k', '\\q', '\\', 'json']
  wrongs.push('%a', '%a{size}', '%a{compression;x}', '%a{compression;hex8;hex8}', '%d{strftime[%Q]}')
  wrongs.push('%d{strftime[%F}', '%v{unpack}', '%v{unpack[z]}', '%v{unpack[sb]}', '%v{unpack[$}', '%[{x}')
  for (const wrong of wrongs) {
    assert.throws(() => compileFormat(wrong), /^UsageError: -f[: ].+$/, wrong)
  }
})

test('lines, however they are cut', async () => {
  const read = async (...chunks: string[]) => {
    const lines: string[] = []
    const stream = (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk)
    })()
    for await (const some of linesOf(stream)) lines.push(...some.map(String))
    return lines
  }
  assert.deepEqual(await read('a\nb', 'c\n', '\nd'), ['a', 'bc', '', 'd'])
  assert.deepEqual(await read('a', 'b', 'c'), ['abc'])
  assert.deepEqual(await read('a\n'), ['a'])
  assert.deepEqual(await read(), [])
})

test('YAML that every reader takes for what it is', () => {
  assert.equal(
    toYaml([{ a: 1, b: 'two words', c: [], d: { e: null, f: ['x', 'yes'] } }, {}, 'a: b']),
    '- a: 1\n  b: two words\n  c: []\n  d:\n    e: null\n    f:\n      - x\n      - "yes"\n- {}\n- "a: b"\n',
  )
  assert.equal(
    toYaml({ '1': '007', 'a:b': '', n: 'null', u: undefined, nested: [[1, 2]] }),
    '"1": "007"\n"a:b": ""\n"n": "null"\nnested:\n  - - 1\n    - 2\n',
  )
})

test('tables line up, whatever their cells hold', () => {
  const columns = [
    { title: 'name', value: (r: [string, number | null]) => r[0] },
    { title: 'n', value: (r: [string, number | null]) => r[1], align: 'right' as const },
  ]
  assert.equal(
    toTable(columns, [
      ['数据', 10],
      ['a\u001b[31m', null],
    ]),
    'NAME     N\n数据    10\na?[31m   -\n',
  )
  assert.equal(toTable(columns, []), 'NAME  N\n')
})
