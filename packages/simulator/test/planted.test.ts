import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { applyHunk, parsePatch, workloadNames } from '@ottla/simulator'

const root = path.resolve(import.meta.dirname, '../../..')
const planted = path.join(root, 'packages/simulator/planted')
const CHANGED_LINES_MAX = 10
/** Of each workload. */
const BUGS_MIN = 8

const patches = workloadNames.flatMap((workload) => {
  const names = readdirSync(path.join(planted, workload)).filter((name) => name.endsWith('.patch'))
  test(`there are planted bugs for the workload ${workload}`, () => {
    assert.ok(names.length >= BUGS_MIN, `${names.length} of ${BUGS_MIN}`)
  })
  return names.map((name) => `${workload}/${name}`)
})

for (const name of patches) {
  test(`planted bug ${name} still applies, to shipped code, in at most ${CHANGED_LINES_MAX} lines`, () => {
    const bug = parsePatch(readFileSync(path.join(planted, name), 'utf8'))
    assert.notEqual(bug.title, '')
    assert.ok(bug.changedLines <= CHANGED_LINES_MAX, `${bug.changedLines} lines`)
    for (const hunk of bug.hunks) {
      assert.match(hunk.path, /^packages\/(?!simulator|testkit)[a-z]+\/src\//)
      const text = readFileSync(path.join(root, hunk.path), 'utf8')
      assert.notEqual(applyHunk(text, hunk), text)
    }
  })
}

test('a patch whose lines are gone, or are there twice, does not apply', () => {
  const { hunks } = parsePatch('A bug.\n--- a.ts\n@@\n x\n-y\n+z\n')
  assert.equal(applyHunk('w\nx\ny\nv\n', hunks[0]), 'w\nx\nz\nv\n')
  assert.throws(() => applyHunk('w\nx\nv\n', hunks[0]), /does not have/)
  assert.throws(() => applyHunk('x\ny\nx\ny\n', hunks[0]), /more than once/)
})
