import type { FileSystem } from '@ottla/runtime'
import { StorageError } from '../errors.ts'
import { classifyDirectory } from '../names.ts'
import { META_PROPERTIES } from './meta-properties.ts'
import { readWhole, writeAtomically } from './whole-file.ts'

/** Ours: which version of our own additions a directory has. Kafka's formats have their own versions. */
export const FORMAT_STAMP = 'ottla.format'
const FILE_BYTES_MAX = 4096

/**
 * What brings a directory from format `n` to `n + 1`, at index `n - 1`. Each step may be interrupted and run again; the
 * stamp is raised after it.
 */
export type Upgrade = (fs: FileSystem, directory: string) => void
const UPGRADES: readonly Upgrade[] = []
export const FORMAT = UPGRADES.length + 1

export type DirectoryOrigin = 'new' | 'ours' | 'foreign'

/** Looks only. Throws `StorageError` `NEWER_FORMAT` for a directory that this version must not touch. */
export function inspectDirectory(fs: FileSystem, directory: string): DirectoryOrigin {
  const bytes = readWhole(fs, `${directory}/${FORMAT_STAMP}`, FILE_BYTES_MAX)
  if (bytes !== null) {
    readFormat(bytes, directory, FORMAT)
    return 'ours'
  }
  const names = fs.exists(directory) ? fs.readdir(directory) : []
  // There, and yet not to be read: the system says why, or else it is no stamp of ours.
  if (names.includes(FORMAT_STAMP)) {
    fs.open(`${directory}/${FORMAT_STAMP}`, 'r').close()
    throw unreadable(directory)
  }
  const used = names.some((name) => name === META_PROPERTIES || classifyDirectory(name).kind === 'partition')
  return used ? 'foreign' : 'new'
}

/** Brings the directory to the present format, the one behind the last of `upgrades`, and stamps it. */
export function stampDirectory(fs: FileSystem, directory: string, upgrades: readonly Upgrade[] = UPGRADES): void {
  const present = upgrades.length + 1
  const bytes = readWhole(fs, `${directory}/${FORMAT_STAMP}`, FILE_BYTES_MAX)
  if (bytes === null) {
    write(fs, directory, present)
    return
  }
  for (let format = readFormat(bytes, directory, present); format < present; format++) {
    upgrades[format - 1](fs, directory)
    write(fs, directory, format + 1)
  }
}

function write(fs: FileSystem, directory: string, format: number): void {
  writeAtomically(fs, directory, FORMAT_STAMP, `${JSON.stringify({ format })}\n`)
}

function unreadable(directory: string): StorageError {
  return new StorageError('IO', `${directory}/${FORMAT_STAMP} cannot be understood: is ${directory} a log directory?`)
}

function readFormat(bytes: Buffer, directory: string, present: number): number {
  let format: unknown
  try {
    format = (JSON.parse(bytes.toString()) as { format?: unknown }).format
  } catch {
    format = undefined
  }
  if (!Number.isInteger(format) || (format as number) < 1) throw unreadable(directory)
  if ((format as number) > present)
    throw new StorageError(
      'NEWER_FORMAT',
      `${directory} was written by a newer Ottla (data format ${format}, this one knows ${present}): start that version.`,
    )
  return format as number
}
