import { forEachRecord } from '@ottla/protocol/records'

/** Offsets and values of fetched batches. */
export function valuesIn(records: Buffer | null): [offset: number, value: string][] {
  const found: [number, string][] = []
  if (records !== null) forEachRecord(records, ({ offset, value }) => found.push([offset, String(value)]))
  return found
}
