import { type BatchOptions, RecordBatchBuilder } from '@ottla/protocol/records'

/** One batch of values, keyless, at one time. */
export function batchOf(
  values: readonly string[],
  options: BatchOptions & { readonly timestampMs?: number } = {},
): Buffer {
  const builder = new RecordBatchBuilder()
  for (const value of values) builder.append(null, Buffer.from(value), [], options.timestampMs ?? 1_700_000_000_000)
  return builder.build(options)
}
