// What one log costs by itself: `node benchmarks/micro/log.ts`. Appends of 16 KiB batches as produce requests bring
// them, reads from memory and from disk, and the start over many partitions.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { RecordBatchBuilder } from '@ottla/protocol/records'
import { nodeRuntime } from '@ottla/runtime/node'
import { type LogConfig, LogManager, type PartitionLog } from '@ottla/storage'

const BATCH_BYTES = 16 * 1024
const RECORD_BYTES = 100
const TOTAL_BYTES = 1024 ** 3
const BATCHES_PER_TURN = 16
const PARTITIONS = 5_000

const config: LogConfig = {
  segmentBytes: 1024 ** 3,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 4096,
  retentionMs: Number.POSITIVE_INFINITY,
  retentionBytes: Number.POSITIVE_INFINITY,
  cleanupPolicy: { delete: true, compact: false },
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  deleteRetentionMs: 86_400_000,
  fileDeleteDelayMs: 60_000,
  maxMessageBytes: 1_048_588,
  maxDecompressedMessageBytes: 0x7fff_fff0,
  compressionType: 'producer',
  compressionGzipLevel: -1,
  compressionLz4Level: 9,
  compressionZstdLevel: 3,
  messageTimestampType: 'CreateTime',
  messageTimestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  messageTimestampAfterMaxMs: 3_600_000,
  flushMessages: Number.POSITIVE_INFINITY,
  flushMs: Number.POSITIVE_INFINITY,
  preallocate: false,
}

const runtime = nodeRuntime()
const directory = mkdtempSync(`${tmpdir()}/ottla-log-`)
let onWritten: () => void = () => {}

function open(): LogManager {
  return LogManager.open(
    { ...runtime, logger: { ...runtime.logger, info() {} } },
    {
      directories: [directory],
      nodeId: 1,
      clusterId: 'bench',
      identity: { pid: process.pid, startedAt: '0', bootId: '0' },
      isAlive: () => true,
      configOf: () => config,
      listener: { onWritten: () => onWritten(), onAppendFailed: (_log, _from, error) => console.error(error) },
    },
  )
}

function report(what: string, bytes: number, startMs: number, startCpu: NodeJS.CpuUsage): void {
  const seconds = (performance.now() - startMs) / 1000
  const cpu = process.cpuUsage(startCpu)
  const cpuSeconds = (cpu.user + cpu.system) / 1e6
  const gb = bytes / 1e9
  console.log(`${what.padEnd(34)} ${(gb / seconds).toFixed(2)} GB/s, ${(cpuSeconds / gb).toFixed(2)} CPU s per GB`)
}

function makeBatch(): Buffer {
  const builder = new RecordBatchBuilder()
  const value = Buffer.alloc(RECORD_BYTES - 10, 'x')
  const nowMs = runtime.clock.nowMs()
  while (builder.sizeInBytes < BATCH_BYTES - RECORD_BYTES) builder.append(null, value, null, nowMs)
  return builder.build()
}

/** As the broker: a frame of its own for each request, several requests in one turn of the event loop. */
async function append(log: PartitionLog): Promise<number> {
  const batch = makeBatch()
  let bytes = 0
  while (bytes < TOTAL_BYTES) {
    const written = new Promise<void>((resolve) => {
      onWritten = resolve
    })
    for (let i = 0; i < BATCHES_PER_TURN; i++) {
      const frame = Buffer.allocUnsafeSlow(batch.length + 60)
      batch.copy(frame, 60)
      const result = log.append(frame.subarray(60), { origin: 'client', leaderEpoch: 0, nowMs: runtime.clock.nowMs() })
      if (result.errorCode !== 0) throw new Error(result.errorMessage ?? '')
      bytes += batch.length
    }
    await written
  }
  return bytes
}

function readFromDisk(log: PartitionLog, offset: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { maxBytes: 1 << 20, maxOffset: Number.MAX_SAFE_INTEGER, minOneMessage: true }
    log.readFromDisk(offset, options, (error, slice) => (error ? reject(error) : resolve(slice!.chunks[0] as Buffer)))
  })
}

async function readAll(log: PartitionLog): Promise<number> {
  let bytes = 0
  for (let offset = 0; offset < log.writtenEndOffset; ) {
    const chunk = await readFromDisk(log, offset)
    bytes += chunk.length
    offset = lastOffsetOf(chunk) + 1
  }
  return bytes
}

function lastOffsetOf(chunk: Buffer): number {
  let at = 0
  let last = 0
  while (at < chunk.length) {
    last = Number(chunk.readBigInt64BE(at)) + chunk.readInt32BE(at + 23)
    at += 12 + chunk.readInt32BE(at + 8)
  }
  return last
}

try {
  let manager = open()
  const log = manager.createLog('bench', 0, null, config)
  let startMs = performance.now()
  let startCpu = process.cpuUsage()
  report(`append, ${BATCHES_PER_TURN} batches a turn`, await append(log), startMs, startCpu)
  for (const pass of ['first', 'second']) {
    startMs = performance.now()
    startCpu = process.cpuUsage()
    report(`read from disk, ${pass} time`, await readAll(log), startMs, startCpu)
  }
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const many = manager.createLog('many', partition, 'AAAAAAAAAAAAAAAAAAAAAQ', config)
    many.append(makeBatch(), { origin: 'client', leaderEpoch: 0, nowMs: runtime.clock.nowMs() })
    if (partition % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
  startMs = performance.now()
  await manager.close()
  console.log(`clean stop of ${PARTITIONS} partitions     ${Math.round(performance.now() - startMs)} ms`)
  startMs = performance.now()
  manager = open()
  console.log(`start after a clean stop           ${Math.round(performance.now() - startMs)} ms`)
  manager.abandon()
  startMs = performance.now()
  manager = open()
  console.log(`start after kill -9                ${Math.round(performance.now() - startMs)} ms`)
  manager.abandon()
} finally {
  rmSync(directory, { recursive: true, force: true })
}
