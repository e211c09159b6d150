import type { DiskImage, Ino } from './image.ts'

/** One change of a disk, by inode; what the simulated disk records and a crash keeps or loses. */
export type DiskOp =
  | {
      readonly kind: 'create'
      readonly dir: Ino
      readonly name: string
      readonly ino: Ino
      readonly directory: boolean
    }
  | { readonly kind: 'remove'; readonly dir: Ino; readonly name: string; readonly ino: Ino }
  | {
      readonly kind: 'rename'
      readonly fromDir: Ino
      readonly fromName: string
      readonly toDir: Ino
      readonly toName: string
      readonly ino: Ino
      readonly replaced: Ino | undefined
    }
  | { readonly kind: 'write'; readonly ino: Ino; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly ino: Ino; readonly length: number }

/**
 * Changes the image. A removed or replaced inode stays in it, nameless, since a handle may be open; the owner of
 * the image drops it.
 */
export function applyOp(image: DiskImage, op: DiskOp, nowMs: number): void {
  switch (op.kind) {
    case 'create': {
      if (!image.has(op.ino)) {
        if (op.directory) image.insertDirectory(op.ino, nowMs)
        else image.insertFile(op.ino, nowMs)
      }
      const dir = image.ownDirectory(op.dir)
      dir.entries.set(op.name, op.ino)
      dir.modifiedMs = nowMs
      return
    }
    case 'remove': {
      const dir = image.ownDirectory(op.dir)
      dir.entries.delete(op.name)
      dir.modifiedMs = nowMs
      return
    }
    case 'rename': {
      const from = image.ownDirectory(op.fromDir)
      from.entries.delete(op.fromName)
      from.modifiedMs = nowMs
      const to = image.ownDirectory(op.toDir)
      to.entries.set(op.toName, op.ino)
      to.modifiedMs = nowMs
      return
    }
    case 'write': {
      const file = image.ownFile(op.ino)
      file.bytes.write(op.bytes, op.position)
      file.modifiedMs = nowMs
      return
    }
    case 'truncate': {
      const file = image.ownFile(op.ino)
      file.bytes.truncate(op.length)
      file.modifiedMs = nowMs
      return
    }
  }
}
