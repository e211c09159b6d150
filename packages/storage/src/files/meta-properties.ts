import type { FileSystem } from '@ottla/runtime'
import { readWhole, writeAtomically } from './whole-file.ts'

export const META_PROPERTIES = 'meta.properties'
const FILE_BYTES_MAX = 64 * 1024

/** `meta.properties`: which node of which cluster a directory belongs to (`MetaProperties` in Apache Kafka). */
export interface MetaProperties {
  /** 0: of a ZooKeeper cluster, with `broker.id`; 1: of a KRaft cluster, with `node.id`. Ours are 1. */
  readonly version: 0 | 1
  readonly nodeId: number | null
  readonly clusterId: string | null
  /** KIP-858; null in directories of before Kafka 3.7. */
  readonly directoryId: string | null
}

export function readMetaProperties(fs: FileSystem, directory: string): MetaProperties | null {
  const bytes = readWhole(fs, `${directory}/${META_PROPERTIES}`, FILE_BYTES_MAX)
  if (bytes === null) return null
  const values = new Map<string, string>()
  for (const line of bytes.toString('latin1').split(/\r?\n/)) {
    const match = /^\s*([^#!=:\s][^=:\s]*)\s*[=:]\s*(.*?)\s*$/.exec(line)
    if (match !== null) values.set(match[1], match[2].replace(/\\(.)/g, '$1'))
  }
  const version = values.get('version') === '0' ? 0 : 1
  const nodeId = values.get(version === 0 ? 'broker.id' : 'node.id')
  return {
    version,
    nodeId: nodeId === undefined || !/^-?\d+$/.test(nodeId) ? null : Number(nodeId),
    clusterId: values.get('cluster.id') ?? null,
    directoryId: values.get('directory.id') ?? null,
  }
}

export function writeMetaProperties(fs: FileSystem, directory: string, properties: MetaProperties): void {
  const lines = [`version=${properties.version}`]
  if (properties.nodeId !== null) lines.push(`${properties.version === 0 ? 'broker' : 'node'}.id=${properties.nodeId}`)
  if (properties.clusterId !== null) lines.push(`cluster.id=${properties.clusterId}`)
  if (properties.directoryId !== null) lines.push(`directory.id=${properties.directoryId}`)
  writeAtomically(fs, directory, META_PROPERTIES, `${lines.join('\n')}\n`)
}
