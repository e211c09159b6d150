import fs from 'node:fs'
import path from 'node:path'

/** Why a folder cannot hold data, in one sentence, with the system's code for it. */
export class DataFolderError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'DataFolderError'
    this.code = code
  }
}

/**
 * Makes a folder for data, with those it lies in, and looks whether it can be written; throws `DataFolderError`. (Node's
 * own recursive `mkdir` names the wrong reason on a read-only file system, and never ends where nothing can be made at
 * all, as in /proc.)
 */
export function makeDataFolder(folder: string): void {
  try {
    make(folder)
    if (!fs.statSync(folder).isDirectory()) throw new DataFolderError('ENOTDIR', `${folder} is a file, not a folder`)
    fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK)
  } catch (error) {
    if (error instanceof DataFolderError) throw error
    const { code = 'EIO', message } = error as NodeJS.ErrnoException
    throw new DataFolderError(code, sentence(folder, code, message))
  }
}

function make(folder: string): void {
  try {
    fs.mkdirSync(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    const parent = path.dirname(folder)
    if (code !== 'ENOENT' || fs.existsSync(parent)) throw error
    make(parent)
    fs.mkdirSync(folder)
  }
}

function sentence(folder: string, code: string, message: string): string {
  switch (code) {
    case 'EROFS':
      return `${folder} is on a read-only file system`
    case 'EACCES':
    case 'EPERM':
      return `no permission to write ${folder}`
    case 'ENOTDIR':
      return `${folder} cannot be made: a part of its path is a file`
    case 'ELOOP':
      return `${folder} is a link that leads back to itself`
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk is full: ${folder} cannot be made`
    case 'ENOENT':
      return `${folder} cannot be made: its place takes no folders, or is a link that leads nowhere`
    default:
      return `${folder} cannot be used: ${message}`
  }
}
