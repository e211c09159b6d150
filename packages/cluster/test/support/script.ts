import assert from 'node:assert/strict'
import type { Operation } from '@ottla/cluster'
import { Tree } from '../../src/embedded/tree.ts'

/** Multis that make, change and remove nodes under one root; each marks itself in `/n`, so states are all different. */
export function script(below: (bound: number) => number, length: number, dataBytesMax = 60): Operation[][] {
  const multis: Operation[][] = [
    [
      { type: 'create', path: '/n', data: Buffer.from('0') },
      { type: 'create', path: '/ephemerals', data: null },
    ],
  ]
  const alive: string[] = []
  for (let i = 1; i < length; i++) {
    const operations: Operation[] = [{ type: 'set', path: '/n', data: Buffer.from(String(i)), expectedVersion: i - 1 }]
    for (let j = below(3); j >= 0; j--) {
      const kind = below(5)
      if (kind < 2 || alive.length === 0) {
        const path = `/t${i}-${j}`
        alive.push(path)
        operations.push({ type: 'create', path, data: Buffer.alloc(below(dataBytesMax), i) })
      } else if (kind === 2) {
        operations.push({ type: 'create', path: '/s_', data: null, mode: 'persistentSequential' })
      } else if (kind === 3) {
        operations.push({
          type: 'set',
          path: alive[below(alive.length)],
          data: Buffer.from(`${i}`),
          expectedVersion: -1,
        })
      } else {
        const [path] = alive.splice(below(alive.length), 1)
        operations.push({ type: 'delete', path, expectedVersion: -1 })
      }
    }
    multis.push(operations)
  }
  return multis
}

/** What each number of carried out multis looks like. */
export function statesOf(multis: readonly Operation[][]): string[] {
  const tree = new Tree()
  const states = [fingerprint(tree)]
  multis.forEach((operations, i) => {
    const result = tree.apply(operations, { zxid: i + 1, timeMs: 0, sessionId: 1n })
    assert.ok(result.ok, `multi ${i}`)
    states.push(fingerprint(tree))
  })
  return states
}

/** The tree as text: paths, data, versions. */
export function fingerprint(tree: Tree): string {
  return JSON.stringify(
    [...tree.nodes]
      .map(([path, node]) => [path, node.data?.toString('latin1') ?? null, node.version])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  )
}
