import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { nodeFileSystem } from '../../src/node/file-system.ts'

const inProc = fs.existsSync('/proc/self') ? {} : { skip: 'there is no /proc here' }

test('where no folder can be made, making one ends with the error of the place', inProc, () => {
  assert.throws(() => nodeFileSystem.mkdir('/proc/ottla/a/b'), { code: 'ENOENT', path: '/proc/ottla' })
})

test('the folders above are made, and those that exist are no error', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'make-folder-'))
  try {
    nodeFileSystem.mkdir(`${root}/a/b/c`)
    nodeFileSystem.mkdir(`${root}/a/b/c/`)
    nodeFileSystem.mkdir('/')
    assert.deepEqual(fs.readdirSync(`${root}/a/b`), ['c'])
    fs.symlinkSync(`${root}/nowhere`, `${root}/link`)
    assert.throws(() => nodeFileSystem.mkdir(`${root}/link/d`), { code: 'EEXIST', path: `${root}/link` })
    fs.writeFileSync(`${root}/file`, '')
    assert.throws(() => nodeFileSystem.mkdir(`${root}/file`), { code: 'EEXIST' })
    assert.throws(() => nodeFileSystem.mkdir(`${root}/file/d/e`), { code: 'ENOTDIR' })
  } finally {
    fs.rmSync(root, { recursive: true })
  }
})
