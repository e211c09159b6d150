import { ByteReader, type ByteWriter, MalformedBytes } from './bytes.ts'
import type { Effect, TransactionHeader } from './tree.ts'

/**
 * The payload of a journal frame: one after another, either the start of a life of the store, or the lasting effects
 * of a transaction.
 *
 *     1, epoch u32
 *     2, zxid u64, wall-clock ms u64, number of effects u32, effects
 *     effect: kind u8 (1 create, 2 set, 3 delete, 4 counter), path, then data / childrenCreated as the kind has them
 */
export interface RecordVisitor {
  epoch(epoch: number): void
  effect(effect: Effect, header: TransactionHeader): void
}

export function writeEpoch(writer: ByteWriter, epoch: number): void {
  writer.u8(1)
  writer.u32(epoch)
}

export function writeTransaction(writer: ByteWriter, header: TransactionHeader, effects: readonly Effect[]): void {
  writer.u8(2)
  writer.u64(header.zxid)
  writer.u64(header.timeMs)
  writer.u32(effects.length)
  for (const effect of effects) {
    switch (effect.type) {
      case 'create':
        writer.u8(1)
        writer.text(effect.path)
        writer.u32(effect.childrenCreated)
        writer.data(effect.data)
        break
      case 'set':
        writer.u8(2)
        writer.text(effect.path)
        writer.data(effect.data)
        break
      case 'delete':
        writer.u8(3)
        writer.text(effect.path)
        break
      case 'counter':
        writer.u8(4)
        writer.text(effect.path)
        writer.u32(effect.childrenCreated)
        break
    }
  }
}

/** Calls the visitor for each record, for each effect of a transaction. Throws `MalformedBytes`. */
export function readRecords(payload: Buffer, visitor: RecordVisitor): void {
  const reader = new ByteReader(payload)
  while (reader.remaining > 0) {
    const kind = reader.u8()
    if (kind === 1) {
      visitor.epoch(reader.u32())
    } else if (kind === 2) {
      const header = { zxid: reader.u64(), timeMs: reader.u64(), sessionId: 0n }
      for (let left = reader.u32(); left > 0; left--) visitor.effect(readEffect(reader), header)
    } else {
      throw new MalformedBytes(`no record has kind ${kind}`)
    }
  }
}

function readEffect(reader: ByteReader): Effect {
  const kind = reader.u8()
  const path = reader.text()
  switch (kind) {
    case 1: {
      const childrenCreated = reader.u32()
      return { type: 'create', path, childrenCreated, data: reader.data() }
    }
    case 2:
      return { type: 'set', path, data: reader.data() }
    case 3:
      return { type: 'delete', path }
    case 4:
      return { type: 'counter', path, childrenCreated: reader.u32() }
    default:
      throw new MalformedBytes(`no effect has kind ${kind}`)
  }
}
