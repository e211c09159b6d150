import { crc32 } from 'node:zlib'
import { ByteReader, ByteWriter, MalformedBytes } from './bytes.ts'
import { damaged, encodeHeader, hasHeader, headerBytes, snapshotMagic } from './files.ts'
import { nodeName, parentPath } from './paths.ts'
import { addChild, Tree } from './tree.ts'

/**
 * The persistent nodes of a tree, parents first, as the bytes of a snapshot file: header, last zxid, number of nodes,
 * the nodes, CRC-32 of everything before.
 */
export function encodeSnapshot(tree: Tree, generation: number, lastZxid: number): Buffer {
  const writer = new ByteWriter(64 * 1024)
  writer.bytes(encodeHeader(snapshotMagic, generation))
  writer.u64(lastZxid)
  const countAt = writer.length
  writer.u32(0)
  let count = 0
  // A parent is always made before its children, so the map's order of insertion is parents first.
  for (const [path, node] of tree.nodes) {
    if (node.ephemeralOwner !== 0n) continue
    count++
    writer.text(path)
    writer.data(node.data)
    writer.u64(node.czxid)
    writer.u64(node.mzxid)
    writer.u64(node.pzxid)
    writer.u64(node.ctimeMs)
    writer.u64(node.mtimeMs)
    writer.i32(node.version)
    writer.u32(node.childrenCreated)
  }
  writer.setU32(count, countAt)
  writer.u32(crc32(writer.written()))
  return writer.written()
}

export interface Snapshot {
  readonly tree: Tree
  readonly lastZxid: number
}

/** Throws `MetadataOpenError`: a snapshot has its name only once it is whole and synced, so any flaw is damage. */
export function decodeSnapshot(file: Buffer, generation: number, path: string): Snapshot {
  if (!hasHeader(file, snapshotMagic, generation, path)) throw damaged(path, 'its header')
  const end = file.length - 4
  if (end < headerBytes || file.readUInt32BE(end) !== crc32(file.subarray(0, end))) throw damaged(path, 'its checksum')
  try {
    return readNodes(new ByteReader(file.subarray(headerBytes, end)))
  } catch (error) {
    if (error instanceof MalformedBytes) throw damaged(path, error.message)
    throw error
  }
}

function readNodes(reader: ByteReader): Snapshot {
  const tree = new Tree()
  const lastZxid = reader.u64()
  const count = reader.u32()
  for (let i = 0; i < count; i++) {
    const path = reader.text()
    const data = reader.data()
    const czxid = reader.u64()
    const mzxid = reader.u64()
    const pzxid = reader.u64()
    const ctimeMs = reader.u64()
    const mtimeMs = reader.u64()
    const version = reader.i32()
    const childrenCreated = reader.u32()
    const facts = { data, czxid, mzxid, pzxid, ctimeMs, mtimeMs, version, childrenCreated, ephemeralOwner: 0n }
    if (path === '/') {
      tree.nodes.set('/', { ...facts, children: null })
      continue
    }
    const parent = tree.nodes.get(parentPath(path))
    if (parent === undefined) throw new MalformedBytes(`no parent for ${path}`)
    addChild(parent, nodeName(path))
    tree.nodes.set(path, { ...facts, children: null })
  }
  if (reader.remaining !== 0) throw new MalformedBytes('bytes are left over')
  return { tree, lastZxid }
}
