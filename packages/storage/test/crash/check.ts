import { type RecordBatch, readBatches } from '@ottla/protocol/records'
import type { DiskImage } from '@ottla/runtime/sim'
import { readEndTxnMarker } from '../../src/append/markers.ts'
import { CLEAN_SHUTDOWN } from '../../src/files/clean-shutdown.ts'
import {
  CLEANER_CHECKPOINT,
  decodeOffsetCheckpoint,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  RECOVERY_POINT_CHECKPOINT,
} from '../../src/files/offset-checkpoint.ts'
import type { PartitionLog } from '../../src/index.ts'
import { batchOf, DIRECTORY, World } from '../support/world.ts'
import { boundsOf, type ModelLog, type SentRecord } from './model.ts'
import { MANAGER_OPTIONS, type ScriptRun, TOPICS, WORLD_CONFIG } from './script.ts'

/** A broken promise: the number of the invariant in `reliability.md`, and what was seen. */
export class Violation extends Error {
  readonly invariant: string

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`)
    this.invariant = invariant
  }
}

function demand(condition: boolean, invariant: string, message: () => string): asserts condition {
  if (!condition) throw new Violation(invariant, message())
}

export interface CheckOptions {
  /** How many disk events had happened. */
  readonly index: number
  /** Nothing of the page cache was lost: kill -9, not a power cut. */
  readonly kill: boolean
  /** Look at more: a second crash right after recovery, caches removed. */
  readonly thorough: boolean
  /** Counts how often each invariant was looked at. */
  readonly exercised: Map<string, number>
}

/** Starts a broker on what a crash has left. */
export function recover(image: DiskImage, record = false): World {
  return new World({ seed: 7, image, record, config: WORLD_CONFIG, topics: TOPICS, manager: MANAGER_OPTIONS })
}

/** After so many disk events, a state is also worked with. */
const GO_ON_EVERY = 4

/** Recovers, compares with the model, and goes on working. Throws `Violation`. */
export function checkState(run: ScriptRun, image: DiskImage, options: CheckOptions): void {
  checkCheckpoints(image, options)
  const clean = saysClean(image)
  const world = recover(image)
  const contents = new Map<string, string>()
  for (const model of run.logs.values()) {
    const log = world.manager.getLog(model.topic, 0)
    if (log === undefined) {
      checkMissing(model, options)
      continue
    }
    count(options, 'C3')
    demand(model.deleted > options.index, 'C3', () => `${model.topic} is back after its deletion`)
    const seen = checkLog(world, log, model, clean, options)
    if (options.thorough) contents.set(model.topic, contentOf(log, seen))
  }
  if (options.thorough) checkSecondCrash(world, contents, options)
  if (!options.thorough && options.index % GO_ON_EVERY !== 0) return
  for (const model of run.logs.values()) {
    const log = world.manager.getLog(model.topic, 0)
    if (log !== undefined) goOn(world, log, options)
  }
}

function count({ exercised }: CheckOptions, invariant: string): void {
  exercised.set(invariant, (exercised.get(invariant) ?? 0) + 1)
}

/** S9: whatever the moment, a checkpoint is missing or whole. */
function checkCheckpoints(image: DiskImage, options: CheckOptions): void {
  const folder = image.find(DIRECTORY)
  if (folder === undefined) return
  for (const name of [RECOVERY_POINT_CHECKPOINT, LOG_START_CHECKPOINT, HIGH_WATERMARK_CHECKPOINT, CLEANER_CHECKPOINT]) {
    const ino = image.directory(folder).entries.get(name)
    if (ino === undefined) continue
    const { bytes } = image.file(ino)
    const content = new Uint8Array(bytes.size)
    bytes.read(content, 0, bytes.size, 0)
    count(options, 'S9')
    demand(decodeOffsetCheckpoint(Buffer.from(content).toString()) !== null, 'S9', () => `${name} is torn`)
  }
}

/** The marker of a clean stop is there. */
function saysClean(image: DiskImage): boolean {
  const folder = image.find(DIRECTORY)
  return folder !== undefined && image.directory(folder).entries.has(CLEAN_SHUTDOWN)
}

function checkMissing(model: ModelLog, { index, kill }: CheckOptions): void {
  const { required } = boundsOf(model, index, kill)
  const lost = model.deletionBegun > index && required.length > 0
  demand(
    !lost,
    kill ? 'S1' : 'S2',
    () => `the log of ${model.topic} is missing with ${required.length} promised records`,
  )
}

interface Seen {
  readonly batches: RecordBatch[]
  readonly records: { readonly offset: number; readonly identity: string }[]
  /** Control records too. */
  readonly times: { readonly offset: number; readonly timestamp: number }[]
}

function checkLog(world: World, log: PartitionLog, model: ModelLog, clean: boolean, options: CheckOptions): Seen {
  const { index, kill } = options
  count(options, 'S5')
  demand(log.offline === null, 'S5', () => `${log.name} is offline: ${log.offline?.message}`)
  const { possible, required, startMin, startMax } = boundsOf(model, index, kill)
  const seen = readLog(world, log, options)
  const byOffset = new Map(seen.records.map((record) => [record.offset, record]))

  count(options, 'L9')
  demand(
    log.logStartOffset >= startMin,
    'L9',
    () => `${log.name} starts at ${log.logStartOffset}, ${startMin} was promised`,
  )
  demand(
    log.logStartOffset <= startMax,
    'L9',
    () => `${log.name} starts at ${log.logStartOffset}, nobody asked for more than ${startMax}`,
  )

  count(options, 'L2')
  for (const { offset, identity } of seen.records) {
    const candidates = possible.get(offset)
    demand(
      candidates?.some((sent) => sent.identity === identity) === true,
      'L2',
      () => `${log.name} ${offset} holds ${identity}, which nobody sent (or which was taken back)`,
    )
  }
  count(options, kill ? 'S1' : 'S2')
  if (model.compacted) checkNewestValues(log, model, required, byOffset, options)
  else
    for (const sent of required) {
      if (sent.offset < log.logStartOffset) continue
      demand(
        byOffset.get(sent.offset)?.identity === sent.identity,
        kill ? 'S1' : 'S2',
        () =>
          `${log.name} ${sent.offset} was promised as ${sent.identity}, found ${byOffset.get(sent.offset)?.identity} (log ${log.logStartOffset}..${log.appendEndOffset})`,
      )
    }
  if (clean) checkCleanStop(log, model, byOffset, options)
  checkWatermarks(log, options)
  checkCopies(log, seen, options)
  checkProducers(log, seen, options)
  checkTransactions(log, seen, options)
  checkEpochs(log, seen, options)
  checkTimes(log, seen, options)
  return seen
}

/** S8: where the marker is, everything is, whatever has happened to the machine. */
function checkCleanStop(
  log: PartitionLog,
  model: ModelLog,
  byOffset: ReadonlyMap<number, { readonly identity: string }>,
  options: CheckOptions,
): void {
  if (model.compacted) return
  count(options, 'S8')
  for (const { offset, identity, removalBegun } of model.records) {
    if (removalBegun <= options.index || offset < log.logStartOffset) continue
    demand(
      byOffset.get(offset)?.identity === identity,
      'S8',
      () => `${log.name} ${offset} is missing after a stop that calls itself clean`,
    )
  }
}

function checkWatermarks(log: PartitionLog, options: CheckOptions): void {
  count(options, 'L6')
  const { logStartOffset, lastStableOffset, writtenEndOffset, appendEndOffset } = log
  demand(
    lastStableOffset <= writtenEndOffset && writtenEndOffset <= appendEndOffset && logStartOffset <= writtenEndOffset,
    'L6',
    () =>
      `${log.name}: start ${logStartOffset}, LSO ${lastStableOffset}, HW ${writtenEndOffset}, LEO ${appendEndOffset}`,
  )
}

/** L4: no record twice. Values are unique, tombstones are not. */
function checkCopies(log: PartitionLog, seen: Seen, options: CheckOptions): void {
  count(options, 'L4')
  const offsets = new Map<string, number>()
  for (const { offset, identity } of seen.records) {
    if (identity.includes('=null@')) continue
    const other = offsets.get(identity)
    demand(other === undefined, 'L4', () => `${log.name} holds ${identity} at ${other} and at ${offset}`)
    offsets.set(identity, offset)
  }
}

function contentOf(log: PartitionLog, seen: Seen): string {
  return JSON.stringify([log.logStartOffset, log.appendEndOffset, seen.records])
}

/** L7 on the way: checksums, rising offsets, and in a log that is not compacted no gaps but those of a lost page cache. */
function readLog(world: World, log: PartitionLog, options: CheckOptions): Seen {
  const seen: Seen = { batches: [], records: [], times: [] }
  count(options, 'L7')
  let offset = log.logStartOffset
  while (offset < log.writtenEndOffset) {
    const bytes = world.read(log, offset, { maxBytes: 1 << 16 })
    demand(Buffer.isBuffer(bytes), 'L7', () => `${log.name} cannot be read at ${offset}: ${String(bytes)}`)
    demand(bytes.length > 0, 'L7', () => `${log.name} has nothing at ${offset} and ends at ${log.writtenEndOffset}`)
    for (const batch of readBatches(bytes)) {
      demand(batch.lastOffset >= offset, 'L7', () => `${log.name}: offsets do not rise at ${offset}`)
      seen.batches.push(batch)
      for (const record of batch.records(log.logStartOffset)) {
        seen.times.push({ offset: record.offset, timestamp: record.timestamp })
        if (batch.isControl) continue
        const identity = `${record.key}=${record.value}@${record.timestamp}`
        seen.records.push({ offset: record.offset, identity })
      }
      offset = batch.lastOffset + 1
    }
  }
  demand(
    offset === log.appendEndOffset || log.logStartOffset === log.appendEndOffset,
    'L7',
    () => `${log.name} ends at ${offset}, not ${log.appendEndOffset}`,
  )
  return seen
}

/** L9: the newest promised value of a key is there, or a newer one. A tombstone may have had its time. */
function checkNewestValues(
  log: PartitionLog,
  model: ModelLog,
  required: readonly SentRecord[],
  byOffset: ReadonlyMap<number, { readonly identity: string }>,
  options: CheckOptions,
): void {
  count(options, 'L9-newest')
  const newest = new Map<string, SentRecord>()
  for (const sent of required) newest.set(sent.key!, sent)
  for (const sent of newest.values()) {
    if (sent.tombstone || byOffset.get(sent.offset)?.identity === sent.identity) continue
    const replaced = model.records.some(
      (other) => other.key === sent.key && other.offset > sent.offset && byOffset.has(other.offset),
    )
    demand(
      replaced || model.transactional.has(sent.offset),
      'L9',
      () => `${log.name} has lost the newest value of ${sent.key} (offset ${sent.offset})`,
    )
  }
}

/** P2: as a rebuild from the batches would have it, for the producers that have batches. */
function checkProducers(log: PartitionLog, seen: Seen, options: CheckOptions): void {
  count(options, 'P2')
  const known = new Map(log.activeProducers().map((producer) => [producer.producerId, producer]))
  const last = new Map<number, { sequence: number; open: number }>()
  for (const batch of seen.batches) {
    if (batch.producerId < 0) continue
    const before = last.get(batch.producerId) ?? { sequence: -1, open: -1 }
    if (batch.isControl) last.set(batch.producerId, { ...before, open: -1 })
    else {
      const sequence = batch.baseSequence + batch.lastOffset - batch.baseOffset
      count(options, 'L5')
      demand(
        batch.baseSequence > before.sequence,
        'L5',
        () => `${log.name}: sequence ${batch.baseSequence} of producer ${batch.producerId} after ${before.sequence}`,
      )
      const open = batch.isTransactional && before.open < 0 ? batch.baseOffset : before.open
      last.set(batch.producerId, { sequence, open })
    }
  }
  for (const [id, expected] of last) {
    const actual = known.get(id)
    demand(actual !== undefined, 'P2', () => `${log.name} has forgotten producer ${id}`)
    if (expected.sequence >= 0)
      demand(
        actual.lastSequence === expected.sequence,
        'P2',
        () => `${log.name}: producer ${id} is at ${actual.lastSequence}, its batches end with ${expected.sequence}`,
      )
    // A transaction that began before the log's start is open since then.
    demand(
      actual.currentTransactionStartOffset >= 0 === expected.open >= 0 ||
        actual.currentTransactionStartOffset < log.logStartOffset,
      'P2',
      () =>
        `${log.name}: producer ${id} has a transaction since ${actual.currentTransactionStartOffset}, its batches say ${expected.open}`,
    )
  }
}

/** T11: the index of aborted transactions is what the markers say. */
function checkTransactions(log: PartitionLog, seen: Seen, options: CheckOptions): void {
  count(options, 'T11')
  const open = new Map<number, number>()
  const expected: [producerId: number, firstOffset: number][] = []
  for (const batch of seen.batches) {
    if (!batch.isTransactional) continue
    if (!batch.isControl) {
      if (!open.has(batch.producerId)) open.set(batch.producerId, batch.baseOffset)
      continue
    }
    const marker = readEndTxnMarker(batch.buffer, batch.at)
    const first = open.get(batch.producerId)
    if (marker?.commit === false && first !== undefined) expected.push([batch.producerId, first])
    open.delete(batch.producerId)
  }
  const actual = log.abortedTransactionsIn(log.logStartOffset, log.writtenEndOffset)
  for (const [producerId, firstOffset] of expected) {
    // The beginning may lie before the log's start, or may be gone by compaction.
    const listed = actual.some((txn) => txn.producerId === producerId && txn.firstOffset <= firstOffset)
    demand(
      listed,
      'T11',
      () => `${log.name}: the transaction of producer ${producerId} at ${firstOffset} is not among the aborted`,
    )
  }
}

function checkEpochs(log: PartitionLog, seen: Seen, options: CheckOptions): void {
  count(options, 'R2')
  for (const batch of seen.batches)
    demand(
      log.epochOf(Math.max(batch.baseOffset, log.logStartOffset)) === batch.partitionLeaderEpoch,
      'R2',
      () =>
        `${log.name}: offset ${batch.baseOffset} has epoch ${batch.partitionLeaderEpoch}, the cache says ${log.epochOf(batch.baseOffset)}`,
    )
}

function checkTimes(log: PartitionLog, seen: Seen, options: CheckOptions): void {
  count(options, 'L10')
  const sample = seen.times[seen.times.length >> 1]
  const at = sample === undefined ? 0 : sample.timestamp + 1
  const expected = seen.times.find((record) => record.timestamp >= at)
  const actual = log.fetchOffsetByTimestamp(at)
  demand(
    actual?.offset === expected?.offset,
    'L10',
    () => `${log.name}: time ${at} is at ${actual?.offset}, a scan says ${expected?.offset}`,
  )
}

/** S3: recovery has made durable what it serves; S4: it needs none of its caches. */
function checkSecondCrash(world: World, contents: ReadonlyMap<string, string>, options: CheckOptions): void {
  world.machine.powerOff({ keep: 'none' })
  world.restart()
  count(options, 'S3')
  compare(world, contents, options, 'S3')
  world.machine.kill()
  const { fs } = world.machine.start()
  for (const folder of fs.readdir(DIRECTORY).filter((name) => /-0$/.test(name)))
    for (const name of fs.readdir(`${DIRECTORY}/${folder}`))
      if (!name.endsWith('.log')) fs.unlink(`${DIRECTORY}/${folder}/${name}`)
  world.machine.kill()
  world.restart()
  count(options, 'S4')
  compare(world, contents, options, 'S4')
}

function compare(world: World, contents: ReadonlyMap<string, string>, options: CheckOptions, invariant: string): void {
  for (const [topic, before] of contents) {
    const log = world.manager.getLog(topic, 0)
    // A log in which nothing was ever written may vanish with its folder.
    if (log === undefined && before.endsWith('[]]')) continue
    demand(log !== undefined, invariant, () => `the log of ${topic} is gone after a second crash`)
    const after = contentOf(log, readLog(world, log, options))
    count(options, 'L8')
    demand(
      after === before,
      invariant,
      () => `${topic} was ${before.slice(0, 200)} and is ${after.slice(0, 200)} after a second crash`,
    )
  }
}

/** The log takes, keeps and shows new records, and knows a repeat when it sees one. */
function goOn(world: World, log: PartitionLog, options: CheckOptions): void {
  const timestamp = world.nowMs()
  const first = batchOf([{ key: 'after', value: 'the crash', timestamp }], { id: 99, sequence: 0 })
  const again = Buffer.from(first)
  const endOffset = log.appendEndOffset
  const result = world.append(log, first, { leaderEpoch: log.latestEpoch + 1 })
  count(options, 'L3')
  demand(
    result.errorCode === 0 && result.baseOffset === endOffset,
    'L3',
    () => `${log.name} does not go on: ${result.errorMessage}`,
  )
  world.settle(5)
  count(options, 'P1')
  demand(world.append(log, again).duplicate, 'P1', () => `${log.name} takes a repeat for new`)
  const bytes = world.read(log, endOffset)
  count(options, 'L1')
  demand(
    Buffer.isBuffer(bytes) && bytes.includes('the crash'),
    'L1',
    () => `${log.name} does not show what it has taken`,
  )
}
