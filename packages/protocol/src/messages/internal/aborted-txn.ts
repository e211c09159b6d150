import { int64 } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

/** Entry of a segment's transaction index (`.txnindex`), behind its int16 version. */
export const AbortedTxn = data({ name: 'AbortedTxn', versions: '0' }, () => ({
  producerId: int64(),
  firstOffset: int64(),
  lastOffset: int64(),
  lastStableOffset: int64(),
}))
