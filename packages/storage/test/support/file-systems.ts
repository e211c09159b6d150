import type { File, FileSystem, OpenMode } from '@ottla/runtime'

/** The same file system with some calls replaced. */
export function withCalls(fs: FileSystem, calls: Partial<FileSystem>): FileSystem {
  return {
    open: (path, mode) => fs.open(path, mode),
    exists: (path) => fs.exists(path),
    stat: (path) => fs.stat(path),
    readdir: (path) => fs.readdir(path),
    mkdir: (path) => fs.mkdir(path),
    rename: (from, to) => fs.rename(from, to),
    unlink: (path) => fs.unlink(path),
    remove: (path, done) => fs.remove(path, done),
    rmdir: (path) => fs.rmdir(path),
    syncDir: (path) => fs.syncDir(path),
    statfs: (path) => fs.statfs(path),
    ...calls,
  }
}

/** Knows which files are open, and refuses to open more than `filesMax`, as an operating system does. */
export class Descriptors {
  readonly open = new Set<string>()
  /** The most that were ever open at once. */
  most = 0
  filesMax = Number.POSITIVE_INFINITY

  over(fs: FileSystem): FileSystem {
    return withCalls(fs, {
      open: (path: string, mode: OpenMode): File => {
        if (this.open.size >= this.filesMax)
          throw Object.assign(new Error(`EMFILE: too many open files, open '${path}'`), { code: 'EMFILE' })
        const file = fs.open(path, mode)
        const name = `${path} ${this.#opened++}`
        this.open.add(name)
        this.most = Math.max(this.most, this.open.size)
        const close = file.close.bind(file)
        file.close = () => {
          this.open.delete(name)
          close()
        }
        return file
      },
    })
  }

  #opened = 0
}

/** A disk that does not tell `a` from `A`, as far as looking for a file goes. */
export function caseBlind(fs: FileSystem): FileSystem {
  return withCalls(fs, {
    exists: (path) => {
      const cut = path.lastIndexOf('/')
      const wanted = path.slice(cut + 1).toLowerCase()
      if (fs.exists(path)) return true
      const folder = path.slice(0, cut)
      return (
        fs.exists(folder) &&
        fs.stat(folder)?.kind === 'directory' &&
        fs.readdir(folder).some((name) => name.toLowerCase() === wanted)
      )
    },
  })
}
