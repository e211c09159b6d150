import assert from 'node:assert/strict'
import { test } from 'node:test'
import { humanLine, jsonLine, nodeLogger } from '../../src/node/logger.ts'

const noon = new Date(2026, 0, 2, 12, 3, 4).getTime()

test('a human line has the local time, the level, the message and key=value', () => {
  assert.equal(
    humanLine(
      'info',
      'listening',
      { host: '127.0.0.1', port: 9092, tls: false, rack: null, gone: undefined, ids: [1, 2] },
      noon,
    ),
    '12:03:04 info  listening host=127.0.0.1 port=9092 tls=false rack=null ids=[1,2]',
  )
  assert.equal(
    humanLine('error', 'bad', { text: 'two words', empty: '', eq: 'a=b' }, noon),
    '12:03:04 error bad text="two words" empty="" eq="a=b"',
  )
})

test('nothing a peer sends can break the line, hide text or move the cursor', () => {
  const hostile = 'x\n12:00:00 info  forged\r\u001b[2J\u0000\u0085\u2028\u202e'
  const human = humanLine('warn', hostile, { client: hostile }, noon)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.doesNotMatch(human, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/)
  const json = jsonLine('warn', hostile, { client: hostile }, noon)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.doesNotMatch(json, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/)
  assert.equal(JSON.parse(json).client, hostile)
})

test('a JSON line is one object whose own keys no field can replace', () => {
  assert.deepEqual(JSON.parse(jsonLine('info', 'hi', { level: 'fake', a: 1 }, 0)), {
    time: '1970-01-01T00:00:00.000Z',
    level: 'info',
    message: 'hi',
    a: 1,
  })
})

function collecting(options: Parameters<typeof nodeLogger>[0] = {}) {
  const lines: string[] = []
  const logger = nodeLogger({ format: 'json', write: (line) => lines.push(line), ...options })
  return { logger, messages: () => lines.map((line) => JSON.parse(line).message as string) }
}

test('levels below the chosen one are dropped', () => {
  const { logger, messages } = collecting({ level: 'warn' })
  for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const) logger[level](level)
  assert.deepEqual(messages(), ['warn', 'error'])
  const silent = collecting({ level: 'silent' })
  silent.logger.error('x')
  assert.deepEqual(silent.messages(), [])
})

test('identical lines are counted; the count is written at flush', () => {
  const { logger, messages } = collecting()
  for (let i = 0; i < 1_000; i++) logger.warn('disk is slow', { dir: '/d' })
  logger.warn('something else')
  assert.deepEqual(messages(), ['disk is slow', 'something else'])
  logger.flush()
  assert.deepEqual(messages().slice(2), ['disk is slow … repeated 999 times'])
  logger.warn('disk is slow', { dir: '/d' })
  assert.equal(messages().length, 4)
})

test('one message with ever different fields is bounded too', () => {
  const { logger, messages } = collecting()
  for (let i = 0; i < 1_000; i++) logger.warn('refused', { port: i })
  assert.equal(messages().length, 20)
  logger.flush()
  assert.deepEqual(messages().slice(20), ['refused … repeated 980 times'])
})

test('a new window writes the count of the old one first', () => {
  const { logger, messages } = collecting({ repeatWindowMs: 0 })
  logger.info('a')
  logger.info('a')
  assert.deepEqual(messages(), ['a', 'a'])
})

test('many different messages do not grow the memory of repeats', () => {
  const { logger, messages } = collecting()
  logger.info('m0')
  logger.info('m0')
  for (let i = 1; i <= 300; i++) logger.info(`m${i}`)
  assert.ok(messages().includes('m0 … repeated 1 times'))
})
