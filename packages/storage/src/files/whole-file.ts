import type { FileSystem } from '@ottla/runtime'

/** Small files are read and written whole. */

/** Reads a file of at most `bytesMax` bytes; null when it is missing or larger. */
export function readWhole(fs: FileSystem, path: string, bytesMax: number): Buffer | null {
  // Most of these files are missing most of the time, and an exception costs more than a look.
  if (!fs.exists(path)) return null
  const file = fs.open(path, 'r')
  try {
    const size = file.size()
    if (size > bytesMax) return null
    const bytes = Buffer.allocUnsafeSlow(size)
    const count = file.readSync(bytes, 0, size, 0)
    return count === size ? bytes : bytes.subarray(0, count)
  } finally {
    file.close()
  }
}

/**
 * Replaces a file so that a crash at any point leaves the old or the new content, never a mixture (S9): temporary
 * file, its bytes on the device, rename, folder on the device.
 */
export function writeAtomically(fs: FileSystem, directory: string, name: string, content: string | Buffer): void {
  const path = `${directory}/${name}`
  const temporary = `${path}.tmp`
  const file = fs.open(temporary, 'w+')
  try {
    file.writeSync(typeof content === 'string' ? Buffer.from(content) : content, 0)
    file.syncSync()
  } finally {
    file.close()
  }
  fs.rename(temporary, path)
  fs.syncDir(directory)
}

/** As `writeAtomically` for a killed process; after a power cut the file may be old, empty or missing. */
export function writeReplacing(fs: FileSystem, directory: string, name: string, content: Buffer): void {
  const path = `${directory}/${name}`
  writeDisposable(fs, `${path}.tmp`, content)
  fs.rename(`${path}.tmp`, path)
}

/** For files that may vanish or be torn in a crash because their reader notices and rebuilds them. */
export function writeDisposable(fs: FileSystem, path: string, content: Buffer): void {
  const file = fs.open(path, 'w+')
  try {
    if (content.length > 0) file.writeSync(content, 0)
  } finally {
    file.close()
  }
}
