import type { FileSystem } from '@ottla/runtime'
import { StorageError } from '../errors.ts'
import { classifyDirectory } from '../names.ts'
import { META_PROPERTIES } from './meta-properties.ts'
import { readWhole, writeAtomically } from './whole-file.ts'

/** Ours: which version of our own additions a directory has. Kafka's formats have their own versions. */
export const FORMAT_STAMP = 'ottla.format'
export const FORMAT = 1
const FILE_BYTES_MAX = 4096

/**
 * What brings a directory from format `n` to `n + 1`, at index `n - 1`. Each step may be interrupted and run again; the
 * stamp is raised after it.
 */
const UPGRADES: readonly ((fs: FileSystem, directory: string) => void)[] = []

export type DirectoryOrigin = 'new' | 'ours' | 'foreign'

/** Looks only. Throws `StorageError` `NEWER_FORMAT` for a directory that this version must not touch. */
export function inspectDirectory(fs: FileSystem, directory: string): DirectoryOrigin {
  const bytes = readWhole(fs, `${directory}/${FORMAT_STAMP}`, FILE_BYTES_MAX)
  if (bytes !== null) {
    readFormat(bytes, directory)
    return 'ours'
  }
  const names = fs.exists(directory) ? fs.readdir(directory) : []
  const used = names.some((name) => name === META_PROPERTIES || classifyDirectory(name).kind === 'partition')
  return used ? 'foreign' : 'new'
}

/** Brings the directory to the present format and stamps it. */
export function stampDirectory(fs: FileSystem, directory: string): void {
  const bytes = readWhole(fs, `${directory}/${FORMAT_STAMP}`, FILE_BYTES_MAX)
  for (let format = bytes === null ? FORMAT : readFormat(bytes, directory); format < FORMAT; format++) {
    UPGRADES[format - 1](fs, directory)
    write(fs, directory, format + 1)
  }
  if (bytes === null) write(fs, directory, FORMAT)
}

function write(fs: FileSystem, directory: string, format: number): void {
  writeAtomically(fs, directory, FORMAT_STAMP, `${JSON.stringify({ format })}\n`)
}

function readFormat(bytes: Buffer, directory: string): number {
  let format: unknown
  try {
    format = (JSON.parse(bytes.toString()) as { format?: unknown }).format
  } catch {
    format = undefined
  }
  if (!Number.isInteger(format) || (format as number) < 1)
    throw new StorageError('IO', `${directory}/${FORMAT_STAMP} cannot be understood: is ${directory} a log directory?`)
  if ((format as number) > FORMAT)
    throw new StorageError(
      'NEWER_FORMAT',
      `${directory} was written by a newer Ottla (data format ${format}, this one knows ${FORMAT}): start that version.`,
    )
  return format as number
}
