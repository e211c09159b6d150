import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/error.ts'
import { decodeProperties, parseProperties } from '../../src/config/server-properties.ts'

const parsed = (text: string) => Object.fromEntries(parseProperties(text).entries)

test('key and value are separated by =, : or blanks, and blanks around the separator do not count', () => {
  assert.deepEqual(parsed('a=1\nb:2\nc 3\nd\t=\t4\n  e : 5\nf\f6'), { a: '1', b: '2', c: '3', d: '4', e: '5', f: '6' })
})

test('only the first separator counts, and blanks at the end of a value stay', () => {
  assert.deepEqual(parsed('listeners=A://h:1,B://h:2\nb = = x \nc : : y'), {
    listeners: 'A://h:1,B://h:2',
    b: '= x ',
    c: ': y',
  })
})

test('a key without a value is empty', () => {
  assert.deepEqual(parsed('a\nb=\nc:\n=d'), { a: '', b: '', c: '', '': 'd' })
})

test('comments begin with # or ! after blanks, blank lines are skipped, later # belong to the value', () => {
  assert.deepEqual(parsed('# a=1\n  ! b=2\n\n \t\f\nc=3 # not a comment'), { c: '3 # not a comment' })
})

test('a comment is not continued', () => {
  assert.deepEqual(parsed('# note \\\na=1'), { a: '1' })
})

test('lines end with LF, CRLF or CR', () => {
  assert.deepEqual(parsed('a=1\r\nb=2\rc=3\n'), { a: '1', b: '2', c: '3' })
})

test('an odd number of backslashes continues the line without the blanks that follow', () => {
  assert.deepEqual(parsed('a=x,\\\n   y,\\\r\n\tz\nb=c\\\\\nd=\\\\\\\n e'), { a: 'x,y,z', b: 'c\\', d: '\\e' })
})

test('a continued line may begin with # and is still part of the value', () => {
  assert.deepEqual(parsed('a=1,\\\n#2'), { a: '1,#2' })
})

test('a blank line ends a continued entry', () => {
  assert.deepEqual(parsed('a=1\\\n\nb=2'), { a: '1', b: '2' })
})

test('after a backslash with nothing before it a new line begins', () => {
  assert.deepEqual(parsed('\\\n# note\n\\\r\na=1'), { a: '1' })
  assert.deepEqual(parsed('a=1\n\\'), { a: '1' })
})

test('a backslash before the end of the file is dropped', () => {
  assert.deepEqual(parsed('a=1\\'), { a: '1' })
})

test('escapes work in keys and values', () => {
  assert.deepEqual(parsed('a\\ b\\=c\\:d=\\t\\n\\r\\f\\\\\\q\\u00e9\\u4F60'), { 'a b=c:d': '\t\n\r\f\\q\u00e9\u4f60' })
})

test('a broken \\u escape is an error with the line', () => {
  assert.throws(
    () => parseProperties('a=1\n\nb=\\u12g4', 'server.properties'),
    (error) => error instanceof ConfigError && /^server\.properties line 3: /.test(error.message),
  )
  assert.throws(() => parseProperties('b=\\u12'), ConfigError)
})

test('of a key that occurs twice the last one counts, and it is told', () => {
  const { entries, lines, duplicates } = parseProperties('a=1\nb=2\na=3')
  assert.deepEqual(
    [...entries],
    [
      ['a', '3'],
      ['b', '2'],
    ],
  )
  assert.equal(lines.get('a'), 3)
  assert.deepEqual(duplicates, ['a'])
})

test('the line of a continued entry is where it begins', () => {
  const { lines } = parseProperties('a=1\\\n2\\\n3\n# x\nb=2')
  assert.deepEqual(
    [...lines],
    [
      ['a', 1],
      ['b', 5],
    ],
  )
})

test('bytes are UTF-8 where they can be, else ISO-8859-1', () => {
  assert.equal(decodeProperties(Buffer.from('broker.rack=é', 'utf8')), 'broker.rack=é')
  assert.equal(decodeProperties(Buffer.from('broker.rack=é\x80', 'latin1')), 'broker.rack=é\x80')
  assert.deepEqual(parsed(decodeProperties(Buffer.from('\ufeffa=1', 'utf8'))), { a: '1' })
})

test('any text either parses or says what is wrong', () => {
  const pieces = ['a', '=', ':', ' ', '\t', '\\', '\n', '\r', '#', '!', '\\u0041', '\\u', 'é', '\f', 'key=value', '']
  let state = 0x2545f491
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  for (let i = 0; i < 5000; i++) {
    const text = Array.from({ length: next() % 12 }, () => pieces[next() % pieces.length]).join('')
    try {
      parseProperties(text)
    } catch (error) {
      assert.ok(error instanceof ConfigError, `${JSON.stringify(text)}: ${error}`)
    }
  }
})
