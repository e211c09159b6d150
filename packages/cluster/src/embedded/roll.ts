import type { File, FileSystem } from '@ottla/runtime'
import { journalPath, snapshotPath } from './files.ts'
import { Journal } from './journal.ts'
import { encodeSnapshot } from './snapshot.ts'
import type { Tree } from './tree.ts'

export interface RollInput {
  readonly fs: FileSystem
  readonly dir: string
  readonly tree: Tree
  /** Of the files to be made. */
  readonly generation: number
  readonly lastZxid: number
}

export type RollOutcome =
  | { readonly type: 'rolled'; readonly journal: Journal; readonly snapshotBytes: number }
  /** Nothing has changed: the old journal goes on. */
  | { readonly type: 'notRolled'; readonly error: Error }
  /** It is unknown which generation a restart would find: nothing may be written any more. */
  | { readonly type: 'broken'; readonly error: Error }

/**
 * Replaces a long journal by a snapshot and an empty journal.
 *
 *     1  journal-<n+1> with its header, synced          a crash up to here, or up to the rename, leaves
 *     2  snapshot-<n+1>.tmp, synced; folder synced      generation n whole and the rest to be removed
 *     3  rename to snapshot-<n+1>; folder synced        the moment at which generation n+1 holds
 *     4  files of generation n removed                  what a crash leaves of them is removed at the next start
 *
 * Nothing is acknowledged while it runs, so both generations describe the same tree.
 */
export function roll(input: RollInput, done: (outcome: RollOutcome) => void): void {
  const { fs, dir, generation } = input
  const temporary = `${snapshotPath(dir, generation)}.tmp`
  const bytes = encodeSnapshot(input.tree, generation, input.lastZxid)
  let journal: Journal | null = null
  let file: File | null = null

  const giveUp = (error: Error): void => {
    file?.close()
    journal?.close()
    try {
      fs.unlink(temporary)
      fs.unlink(journalPath(dir, generation))
    } catch {
      // The next start removes them.
    }
    done({ type: 'notRolled', error })
  }

  try {
    journal = Journal.create(fs, journalPath(dir, generation), generation)
    file = fs.open(temporary, 'w+')
  } catch (error) {
    giveUp(error as Error)
    return
  }
  const whole = journal
  const snapshot = file
  snapshot.writev([bytes], 0, (writeError) => {
    if (writeError !== null) {
      giveUp(writeError)
      return
    }
    snapshot.sync((syncError) => {
      if (syncError !== null) {
        giveUp(syncError)
        return
      }
      try {
        fs.syncDir(dir)
      } catch (error) {
        giveUp(error as Error)
        return
      }
      snapshot.close()
      commit(input, whole, temporary, bytes.length, done)
    })
  })
}

function commit(
  { fs, dir, generation }: RollInput,
  journal: Journal,
  temporary: string,
  snapshotBytes: number,
  done: (outcome: RollOutcome) => void,
): void {
  try {
    fs.rename(temporary, snapshotPath(dir, generation))
    fs.syncDir(dir)
  } catch (error) {
    journal.close()
    done({ type: 'broken', error: error as Error })
    return
  }
  try {
    fs.unlink(journalPath(dir, generation - 1))
    if (generation > 1) fs.unlink(snapshotPath(dir, generation - 1))
  } catch {
    // The next start removes them.
  }
  done({ type: 'rolled', journal, snapshotBytes })
}
