/** kcat (librdkafka): one run of the program per request, or per record where records need different flags. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../../tools/peers/folders.ts'
import { kcatProgram } from '../../../tools/peers/kcat.ts'
import { type ConsumedRecord, type ProducedRecord, type ProduceRequest, Unsupported } from '../../contract.ts'
import { consumedValue, contentBytes, serve } from '../../serve.ts'
import { members } from './members.ts'

const large = ['-X', 'message.max.bytes=80000000', '-X', 'receive.message.max.bytes=100000000']

/** Stands between key and value on kcat's input; no record of ours holds it. */
const separator = '\x01'

function produceFlags(bootstrap: string, request: ProduceRequest): string[] {
  const flags = [
    '-P',
    // A lost connection is not the end.
    '-E',
    '-b',
    bootstrap,
    '-t',
    request.topic,
    '-p',
    String(request.partition),
    '-z',
    request.codec,
    ...large,
  ]
  flags.push('-X', `acks=${request.acks}`, '-X', `enable.idempotence=${request.idempotent}`)
  return flags
}

async function produceOne(bootstrap: string, request: ProduceRequest, record: ProducedRecord): Promise<void> {
  const flags = produceFlags(bootstrap, request)
  for (const [name, value] of record.headers ?? []) flags.push('-H', value === null ? name : `${name}=${value}`)
  const value = contentBytes(record.value)
  if (value === null || value.length === 0) {
    // As a line: there -Z turns what is empty to null.
    const nulls = value === null || record.key === null ? ['-Z'] : []
    if (value?.length === 0 && record.key === null)
      throw new Unsupported('kcat cannot write an empty value without key')
    if (value === null && record.key === '') throw new Unsupported('kcat cannot write an empty key without value')
    await run(kcatProgram(), [...flags, '-K', separator, ...nulls], { input: line(record), timeoutMs: 90_000 })
    return
  }
  if (record.key === '') throw new Unsupported('kcat cannot write an empty key with a file')
  if (record.key !== null) flags.push('-k', record.key)
  // A file is one message, whatever bytes it holds.
  const dir = mkdtempSync(join(tmpdir(), 'interop-kcat-'))
  try {
    writeFileSync(join(dir, 'value'), value)
    await run(kcatProgram(), [...flags, join(dir, 'value')], { timeoutMs: 90_000 })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const line = (record: ProducedRecord) => `${record.key ?? ''}${separator}${record.value ?? ''}\n`

/** One run of kcat for many records, from lines. */
async function produceMany(bootstrap: string, request: ProduceRequest): Promise<void> {
  const flags = [...produceFlags(bootstrap, request), '-K', separator, '-X', 'linger.ms=20']
  await run(kcatProgram(), flags, { input: request.records.map(line).join(''), timeoutMs: 90_000 })
}

/** Reads what `-f` below prints: lengths in a line, then the bytes, then the headers up to a mark. */
function parse(output: Buffer): ConsumedRecord[] {
  const records: ConsumedRecord[] = []
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(10, at)
    const [offset, timestamp, keyBytes, valueBytes] = output.toString('utf8', at, end).split(' ').map(Number)
    at = end + 1
    const take = (bytes: number) => {
      const part = output.subarray(at, at + Math.max(0, bytes))
      at += part.length
      return bytes < 0 ? null : part
    }
    const key = take(keyBytes!)
    const value = take(valueBytes!)
    const headersEnd = output.indexOf('\x02\n', at)
    const headers = output.toString('utf8', at, headersEnd)
    at = headersEnd + 2
    records.push({
      offset: offset!,
      timestamp: timestamp!,
      key: key === null ? null : key.toString(),
      value: consumedValue(value),
      headers: headers === '' ? [] : headers.split(',').map(header),
    })
  }
  return records
}

function header(pair: string): [string, string | null] {
  const equals = pair.indexOf('=')
  const value = pair.slice(equals + 1)
  return [pair.slice(0, equals), value === 'NULL' ? null : value]
}

await serve({
  ...members,
  async produce(bootstrap, request) {
    if (request.then !== undefined)
      throw new Unsupported('kcat reads its input to the end before it is done with the first line')
    const all = request.records
    if (all.some((record) => record.timestamp !== undefined)) throw new Unsupported('kcat cannot set a timestamp')
    const plain = all.every(
      ({ key, value, headers = [] }) =>
        key !== null && key !== '' && typeof value === 'string' && value !== '' && headers.length === 0,
    )
    if (plain) await produceMany(bootstrap, request)
    else for (const record of all) await produceOne(bootstrap, request, record)
    // kcat does not say where its records went.
    return { offsets: all.map(() => null) }
  },
  async consume(bootstrap, { topic, partition, offset, count }) {
    const flags = [
      '-C',
      '-q',
      '-b',
      bootstrap,
      '-t',
      topic,
      '-p',
      String(partition),
      '-o',
      String(offset),
      '-c',
      String(count),
    ]
    const format = ['-f', '%o %T %K %S\\n%k%s%h\\x02\\n']
    const { stdout } = await run(kcatProgram(), [...flags, ...large, '-X', 'check.crcs=true', ...format], {
      timeoutMs: 90_000,
    })
    return { records: parse(stdout) }
  },
  async offsets(bootstrap, { topic, partition, at }) {
    const offsets: number[] = []
    for (const time of at) {
      const { stdout } = await run(kcatProgram(), ['-Q', '-b', bootstrap, '-t', `${topic}:${partition}:${time}`])
      const found = /offset (-?\d+)/.exec(stdout.toString())
      if (found === null) throw new Error(`kcat said: ${stdout}`)
      offsets.push(Number(found[1]))
    }
    return { offsets }
  },
  async listTopics(bootstrap) {
    const { stdout } = await run(kcatProgram(), ['-L', '-J', '-b', bootstrap])
    const { topics } = JSON.parse(stdout.toString()) as { topics: { topic: string }[] }
    return { topics: topics.map(({ topic }) => topic) }
  },
  async describeTopic(bootstrap, { topic }) {
    const { stdout } = await run(kcatProgram(), ['-L', '-J', '-b', bootstrap, '-t', topic])
    const { topics } = JSON.parse(stdout.toString()) as { topics: { partitions: unknown[] }[] }
    return { partitions: topics[0]!.partitions.length }
  },
})
