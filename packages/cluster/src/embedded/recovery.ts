import { dirname } from 'node:path'
import type { FileSystem } from '@ottla/runtime'
import { ByteWriter, MalformedBytes } from './bytes.ts'
import {
  damaged,
  type Generations,
  headerBytes,
  journalPath,
  listGenerations,
  readWhole,
  snapshotPath,
} from './files.ts'
import { Journal, scanJournal } from './journal.ts'
import { readRecords, writeEpoch } from './records.ts'
import { decodeSnapshot } from './snapshot.ts'
import { Tree } from './tree.ts'

export interface Recovered {
  readonly tree: Tree
  readonly journal: Journal
  readonly generation: number
  /** Bytes of the snapshot the journal builds on, 0 for none. */
  readonly snapshotBytes: number
  /** How often the store was opened, this time included. */
  readonly epoch: number
  /** Bytes of a torn frame that was never acknowledged and is gone now. */
  readonly cutBytes: number
}

/** A transaction id is the store's epoch and a counter, as ZooKeeper makes it, so none is given twice after a crash. */
export const zxidOf = (epoch: number, counter: number): number => epoch * 2 ** 32 + counter
const epochOf = (zxid: number): number => Math.floor(zxid / 2 ** 32)

/** A file larger than its header and the first epoch's frame was in use: its header was durable once. */
const newbornJournalBytes = 64

/**
 * Brings back what is in `dir`, or begins an empty tree there. What it returns is durable before it is served: the new
 * epoch's frame is synced behind everything that was kept. Repeating it after a crash at any point gives the same tree.
 * Throws `MetadataOpenError`, and the file system's errors.
 */
export function recover(fs: FileSystem, dir: string): Recovered {
  fs.mkdir(dir)
  const found = listGenerations(fs, dir)
  // Not only when the folder was made just now: a crash may have come between making it and making it durable.
  if (found.journals.length === 0) fs.syncDir(dirname(dir))
  const generation = found.snapshots.at(-1) ?? 0
  const { tree, lastZxid, snapshotBytes } = loadSnapshot(fs, dir, generation)
  let epoch = epochOf(lastZxid)

  const path = journalPath(dir, generation)
  const exists = found.journals.includes(generation)
  if (!exists && generation > 0) throw damaged(path, 'it is missing')
  if (!exists && found.journals.length > 0) throw damaged(snapshotPath(dir, found.journals[0]), 'it is missing')
  const bytes = exists ? readWhole(fs, path) : Buffer.alloc(0)
  const scan = scanJournal(bytes, generation, path, (payload) => {
    epoch = Math.max(epoch, replay(tree, payload, path))
  })
  if (scan.end === 'damaged') throw damaged(path, `a frame at byte ${scan.length}`)
  if (scan.end === 'noHeader' && (generation > 0 || bytes.length > newbornJournalBytes))
    throw damaged(path, 'its header')
  refuseLaterJournals(fs, dir, found.journals, generation)

  const journal = scan.end === 'noHeader' ? Journal.create(fs, path, generation) : Journal.resume(fs, path, scan)
  try {
    // The names found here may be in the page cache only; not before they are durable may the files of an earlier
    // generation go.
    fs.syncDir(dir)
    removeLeftovers(fs, dir, found, generation)
    epoch++
    const writer = new ByteWriter(16)
    writeEpoch(writer, epoch)
    journal.appendSync(writer.written())
  } catch (error) {
    journal.close()
    throw error
  }
  const cutBytes = scan.end === 'torn' ? bytes.length - scan.length : 0
  return { tree, journal, generation, snapshotBytes, epoch, cutBytes }
}

function loadSnapshot(fs: FileSystem, dir: string, generation: number) {
  if (generation === 0) return { tree: new Tree(), lastZxid: 0, snapshotBytes: 0 }
  const path = snapshotPath(dir, generation)
  const bytes = readWhole(fs, path)
  return { ...decodeSnapshot(bytes, generation, path), snapshotBytes: bytes.length }
}

/** Returns the highest epoch in the frame. */
function replay(tree: Tree, payload: Buffer, path: string): number {
  let epoch = 0
  try {
    readRecords(payload, {
      epoch: (value) => {
        epoch = Math.max(epoch, value)
      },
      effect: (effect, header) => {
        if (!tree.replay(effect, header)) throw new MalformedBytes(`${effect.type} ${effect.path} does not fit`)
      },
    })
  } catch (error) {
    if (error instanceof MalformedBytes) throw damaged(path, error.message)
    throw error
  }
  return epoch
}

/**
 * The journal of a roll that was interrupted before its snapshot had its name holds no frame yet. If it does hold one,
 * the snapshot is lost.
 */
function refuseLaterJournals(fs: FileSystem, dir: string, journals: readonly number[], generation: number): void {
  for (const later of journals) {
    if (later > generation && (fs.stat(journalPath(dir, later))?.size ?? 0) > headerBytes) {
      throw damaged(snapshotPath(dir, later), 'it is missing')
    }
  }
}

/** Removes what an interrupted roll left behind: an unfinished snapshot with its journal, or the generation it replaced. */
function removeLeftovers(fs: FileSystem, dir: string, found: Generations, generation: number): void {
  for (const name of found.temporary) fs.unlink(`${dir}/${name}`)
  for (const other of found.journals) if (other !== generation) fs.unlink(journalPath(dir, other))
  for (const other of found.snapshots) if (other !== generation) fs.unlink(snapshotPath(dir, other))
}
