import { DataFolderError } from './data-folder.ts'
import type { StartSettings } from './start-broker-process.ts'

/** One sentence for what keeps a broker from starting, or `null` when it is a bug and the stack should be seen. */
export function explainStart(error: unknown, settings: StartSettings): string | null {
  if (error instanceof DataFolderError) return `${error.message}: choose another folder with --dir`
  const { code, message, port, path, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} is in use: another broker may be running there; --port 0 takes any free one`
    case 'EACCES':
    case 'EPERM':
      return path === undefined
        ? `no permission to listen on port ${port}: ports below 1024 need root`
        : `no permission for ${path}: choose another folder with --dir`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no address ${address ?? message}: look at \`listeners\``
    case 'ENOSPC':
      return `the disk is full: ${path ?? settings.dir ?? message} needs room before a broker can start`
    case 'EROFS':
      return `${path ?? settings.dir} is on a read-only file system: choose another folder with --dir`
    case 'ENOENT':
      return `there is no file ${path ?? settings.configFile}`
    default:
      return isForPeople(error) ? message : null
  }
}

/** Storage and metadata say themselves, in one sentence, what is wrong and what to do. */
function isForPeople(error: unknown): boolean {
  return error instanceof Error && (error.name === 'StorageError' || error.name === 'MetadataOpenError')
}
