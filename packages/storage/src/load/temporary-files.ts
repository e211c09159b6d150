import type { FileSystem } from '@ottla/runtime'
import { scanBatches } from '../batch-scan.ts'
import {
  baseOffsetOf,
  CLEANED_SUFFIX,
  DELETED_SUFFIX,
  SEGMENT_SUFFIXES,
  SWAP_SUFFIX,
  segmentFileName,
} from '../names.ts'

/**
 * Ends what a stop has interrupted, from the names alone (`LogLoader` of Apache Kafka):
 *
 * | found | means | done |
 * |---|---|---|
 * | `*.deleted` | was about to go | removed |
 * | `*.cleaned` | the cleaner had not finished | removed, and with it `*.swap` at or above the lowest of them |
 * | `*.swap` | the cleaner had finished, the old segments may still be there | these are removed, `.swap` is taken off |
 * | `*.tmp` | a checkpoint was being written | removed |
 *
 * A stop in the middle of this finds the same or the next row. Returns the names that are left.
 */
export function settleTemporaryFiles(fs: FileSystem, directory: string, names: readonly string[]): string[] {
  if (!names.some(isTemporary)) return names.slice()
  const left = new Set(names)
  const remove = (name: string): void => {
    fs.unlink(`${directory}/${name}`)
    left.delete(name)
  }
  let lowestCleaned = Number.POSITIVE_INFINITY
  for (const name of names)
    if (name.endsWith(CLEANED_SUFFIX)) lowestCleaned = Math.min(lowestCleaned, baseOffsetOf(name))
  for (const name of names) {
    if (name.endsWith(DELETED_SUFFIX) || name.endsWith(CLEANED_SUFFIX) || name.endsWith('.tmp')) remove(name)
    else if (name.endsWith(SWAP_SUFFIX) && baseOffsetOf(name) >= lowestCleaned) remove(name)
  }
  const swaps = [...left].filter((name) => name.endsWith(`.log${SWAP_SUFFIX}`)).sort()
  for (const swap of swaps) finishSwap(fs, directory, swap, left)
  for (const name of [...left]) if (name.endsWith(SWAP_SUFFIX)) remove(name)
  fs.syncDir(directory)
  return [...left].sort()
}

function isTemporary(name: string): boolean {
  return (
    name.endsWith(DELETED_SUFFIX) ||
    name.endsWith(CLEANED_SUFFIX) ||
    name.endsWith(SWAP_SUFFIX) ||
    name.endsWith('.tmp')
  )
}

function finishSwap(fs: FileSystem, directory: string, swap: string, left: Set<string>): void {
  const baseOffset = baseOffsetOf(swap)
  const endOffset = endOf(fs, `${directory}/${swap}`, baseOffset)
  for (const name of [...left]) {
    const base = baseOffsetOf(name)
    const replaced = base >= baseOffset && (base < endOffset || base === baseOffset)
    if (!replaced || !SEGMENT_SUFFIXES.some((suffix) => name === segmentFileName(base, suffix))) continue
    // The producer snapshot at the beginning of the range stays true; inside of it there is no segment any more.
    if (name.endsWith('.snapshot') && base === baseOffset) continue
    fs.unlink(`${directory}/${name}`)
    left.delete(name)
  }
  fs.syncDir(directory)
  const name = segmentFileName(baseOffset, '.log')
  fs.rename(`${directory}/${swap}`, `${directory}/${name}`)
  left.delete(swap)
  left.add(name)
}

/** The first offset after the last batch. */
function endOf(fs: FileSystem, path: string, baseOffset: number): number {
  const file = fs.open(path, 'r')
  try {
    return scanBatches(file, { from: 0, to: file.size(), minOffset: baseOffset, verify: false }, () => undefined)
      .nextOffset
  } finally {
    file.close()
  }
}
