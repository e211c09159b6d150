import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** Processor seconds (user and system, all threads, ended ones too) that a process has used since it started. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the program's name in brackets and may hold spaces: count from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Resident anonymous memory of a process in megabytes (10^6 bytes): heaps and buffers, not mapped files. */
export function rssAnonMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const match = /^RssAnon:\s+(\d+) kB/m.exec(status)
  if (match === null) throw new Error(`no RssAnon for process ${pid}`)
  return (Number(match[1]) * 1024) / 1e6
}

/** Bytes of the files directly in a folder whose names end in `suffix`; 0 when the folder is not there. */
export function folderBytes(dir: string, suffix = ''): number {
  let bytes = 0
  for (const file of list(dir)) {
    if (!file.endsWith(suffix)) continue
    // A file may go between listing and asking.
    bytes += statSync(join(dir, file), { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}

/** The names in a folder, or none when it is not there. */
export function list(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}
