import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

/*
 * `npm install` leaves out of the lock file what its registry happens not to serve for another platform, and from then
 * on `npm ci` refuses the file everywhere. Such an entry is added by hand, as its siblings are, without an integrity.
 */

interface Entry {
  readonly version?: string
  readonly link?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, Entry>>
}

test('the lock file knows every platform of what has native parts', () => {
  for (const [path, { optionalDependencies = {} }] of Object.entries(lock.packages)) {
    for (const name of Object.keys(optionalDependencies)) {
      const found = lock.packages[`${path}/node_modules/${name}`] ?? lock.packages[`node_modules/${name}`]
      assert.ok(found?.version, `${path || 'the root'} wants ${name}, which the lock file does not have`)
    }
  }
})

test('the lock file names no registry', () => {
  assert.doesNotMatch(JSON.stringify(lock), /"resolved":"https?:/)
})
