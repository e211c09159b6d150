import { ErrorCode } from '@ottla/protocol'
import { batch } from '@ottla/protocol/records'
import { readEndTxnMarker } from './append/markers.ts'
import { type Refusal, refusal } from './append/refusal.ts'
import { validateInternal, validateProduced, validateReplicated } from './append/validate.ts'
import type { AbortedTxn } from './index/transaction-index.ts'
import { applyToProducers, type LogCore } from './log-core.ts'
import type { AppendOptions } from './log-types.ts'
import type { LogWriter } from './log-writer.ts'
import { firstOffsetOf } from './producers/producer-entry.ts'
import type { AppendResult } from './types.ts'

const NO_RECORD_ERRORS: AppendResult['recordErrors'] = []

/**
 * What an append goes through before it is queued: validation, producer checks, offset and epoch, roll, producer state.
 * All of it synchronous; a refusal at any step leaves no trace.
 */
export class LogAppender {
  readonly #core: LogCore
  readonly #writer: LogWriter

  constructor(core: LogCore, writer: LogWriter) {
    this.#core = core
    this.#writer = writer
  }

  /** Throws what the disk says while the producer state or the epochs are read for the first time. */
  append(records: Buffer, options: AppendOptions): AppendResult {
    const { origin, nowMs } = options
    const core = this.#core
    const valid =
      origin === 'client'
        ? validateProduced(records, core.config, nowMs, this.#core.env.shared.validateCompressed)
        : origin === 'coordinator'
          ? validateInternal(records, core.config)
          : validateReplicated(records, core.appendEndOffset)
    if (!Buffer.isBuffer(valid)) return this.refused(valid)
    if (valid.length > core.config.segmentBytes)
      return this.refused(
        refusal(
          ErrorCode.RECORD_LIST_TOO_LARGE,
          `${valid.length} bytes do not fit into a segment of ${core.config.segmentBytes}`,
        ),
      )
    if (origin === 'replication') return this.#appendReplicated(valid, nowMs)
    if (batch.producerId(valid, 0) >= 0) {
      const answer = this.#checkProducer(valid, options)
      if (answer !== null) return answer
    }
    const bytes = this.#core.env.shared.tailBudget.own(valid)
    const baseOffset = core.appendEndOffset
    batch.setBaseOffset(bytes, 0, baseOffset)
    batch.setPartitionLeaderEpoch(bytes, 0, options.leaderEpoch)
    const nextOffset = batch.lastOffset(bytes, 0) + 1
    const maxTimestamp = batch.maxTimestamp(bytes, 0)
    this.#writer.rollIfNeeded(bytes.length, nextOffset, maxTimestamp, nowMs)
    core.epochs().assign(options.leaderEpoch, baseOffset)
    const aborted = applyToProducers(core.producers(), bytes, 0)
    return this.#enqueue(bytes, baseOffset, nextOffset, maxTimestamp, aborted === null ? null : [aborted])
  }

  /** Batches of a leader keep their offsets and epochs. */
  #appendReplicated(valid: Buffer, nowMs: number): AppendResult {
    const core = this.#core
    const bytes = this.#core.env.shared.tailBudget.own(valid)
    let maxTimestamp = -1
    let nextOffset = core.appendEndOffset
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
      maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp(bytes, at))
      nextOffset = batch.lastOffset(bytes, at) + 1
    }
    this.#writer.rollIfNeeded(bytes.length, nextOffset, maxTimestamp, nowMs)
    const aborted: AbortedTxn[] = []
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
      core.epochs().assign(batch.partitionLeaderEpoch(bytes, at), batch.baseOffset(bytes, at))
      const transaction = applyToProducers(core.producers(), bytes, at)
      if (transaction !== null) aborted.push(transaction)
    }
    const baseOffset = batch.baseOffset(bytes, 0)
    return this.#enqueue(bytes, baseOffset, nextOffset, maxTimestamp, aborted.length === 0 ? null : aborted)
  }

  #enqueue(
    bytes: Buffer,
    baseOffset: number,
    nextOffset: number,
    maxTimestamp: number,
    aborted: readonly AbortedTxn[] | null,
  ): AppendResult {
    this.#writer.append({ bytes, baseOffset, nextOffset, maxTimestamp, aborted })
    this.#core.appendEndOffset = nextOffset
    return {
      errorCode: 0,
      errorMessage: null,
      recordErrors: NO_RECORD_ERRORS,
      baseOffset,
      nextOffset,
      logAppendTimeMs: this.#core.config.messageTimestampType === 'LogAppendTime' ? maxTimestamp : -1,
      logStartOffset: this.#core.logStartOffset,
      appendedBytes: bytes.length,
      duplicate: false,
    }
  }

  /** null: go on. A duplicate is answered with what its first append got. */
  #checkProducer(records: Buffer, { origin }: AppendOptions): AppendResult | null {
    const producers = this.#core.producers()
    if (batch.isControl(batch.attributes(records, 0))) {
      const marker = readEndTxnMarker(records, 0)
      if (marker === null) return null
      const id = batch.producerId(records, 0)
      const refused = producers.checkMarker(id, batch.producerEpoch(records, 0), marker, origin)
      return refused === null ? null : this.refused(refusal(refused.errorCode, refused.errorMessage))
    }
    if (origin === 'client') {
      const duplicate = producers.findDuplicate(records, 0)
      if (duplicate !== null)
        return {
          errorCode: 0,
          errorMessage: null,
          recordErrors: NO_RECORD_ERRORS,
          baseOffset: firstOffsetOf(duplicate),
          nextOffset: duplicate.lastOffset + 1,
          logAppendTimeMs: this.#core.config.messageTimestampType === 'LogAppendTime' ? duplicate.timestamp : -1,
          logStartOffset: this.#core.logStartOffset,
          appendedBytes: 0,
          duplicate: true,
        }
    }
    const refused = producers.checkBatch(records, 0, origin)
    return refused === null ? null : this.refused(refusal(refused.errorCode, refused.errorMessage))
  }

  /** The answer to an append that is not done. */
  refused({ errorCode, errorMessage, recordErrors }: Refusal): AppendResult {
    return {
      errorCode,
      errorMessage,
      recordErrors,
      baseOffset: -1,
      nextOffset: -1,
      logAppendTimeMs: -1,
      logStartOffset: this.#core.logStartOffset,
      appendedBytes: 0,
      duplicate: false,
    }
  }
}
