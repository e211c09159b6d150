import { DescribeLogDirsRequest, DescribeLogDirsResponse, ErrorCode } from '@ottla/protocol'
import type { DiskSpace, FileSystem } from '@ottla/runtime'
import type { LogManager } from '@ottla/storage'
import { defineHandler, type Handler } from '../server/handler.ts'

/** DescribeLogDirs (key 35), versions 0 to 5: what lies in each log directory, and how much room its volume has. */
export interface DescribeLogDirsDeps {
  readonly logs: LogManager
  readonly fs: FileSystem
}

export function describeLogDirsHandler({ logs, fs }: DescribeLogDirsDeps): Handler {
  return defineHandler({
    request: DescribeLogDirsRequest,
    response: DescribeLogDirsResponse,
    minVersion: 0,
    maxVersion: 5,
    handle(_request, body) {
      const wanted = body.topics === null ? null : wantedPartitions(body.topics)
      return {
        results: logs.directories.map(({ path, offline }) => {
          const space = offline === null ? roomOf(fs, path) : null
          if (space === null) return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir: path }
          return {
            logDir: path,
            topics: sizes(logs, path, wanted),
            totalBytes: space.totalBytes,
            usableBytes: space.freeBytes,
          }
        }),
      }
    },
    refuse: (_body, errorCode) => ({ errorCode, results: [] }),
  })
}

/** null when the system does not say: the directory has just vanished, and the others are described all the same. */
function roomOf(fs: FileSystem, path: string): DiskSpace | null {
  try {
    return fs.statfs(path)
  } catch {
    return null
  }
}

function wantedPartitions(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
): Map<string, Set<number>> {
  const wanted = new Map<string, Set<number>>()
  for (const { topic, partitions } of topics) {
    const known = wanted.get(topic) ?? new Set()
    for (const partition of partitions) known.add(partition)
    wanted.set(topic, known)
  }
  return wanted
}

function sizes(
  logs: LogManager,
  directory: string,
  wanted: ReadonlyMap<string, ReadonlySet<number>> | null,
): { name: string; partitions: { partitionIndex: number; partitionSize: number; offsetLag: number }[] }[] {
  const topics = new Map<string, { partitionIndex: number; partitionSize: number; offsetLag: number }[]>()
  for (const log of logs.logs()) {
    if (!log.directory.startsWith(`${directory}/`)) continue
    if (wanted !== null && wanted.get(log.topic)?.has(log.partition) !== true) continue
    let partitions = topics.get(log.topic)
    if (partitions === undefined) topics.set(log.topic, (partitions = []))
    partitions.push({ partitionIndex: log.partition, partitionSize: log.sizeBytes, offsetLag: 0 })
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }))
}
