/** The front page of a published package has no link that a registry could not follow. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { withoutRelativeLinks } from '../pack-readme.ts'

const root = new URL('../..', import.meta.url).pathname
const RELATIVE = /\]\((?![a-z][a-z+.-]*:|#)/

test('relative links become paths, others and code stay', () => {
  const page = [
    'See [Limits](docs/limits.md#bytes), [docs/a.md](docs/a.md) and [Kafka](https://kafka.apache.org), [above](#top).',
    '![picture](docs/p.png) `[x](y)`',
    '```md',
    '[code](stays.md)',
    '```',
  ]
  assert.equal(
    withoutRelativeLinks(`${page.join('\n')}\n`),
    `See Limits (\`docs/limits.md\`), \`docs/a.md\` and [Kafka](https://kafka.apache.org), [above](#top).
picture \`[x](y)\`
\`\`\`md
[code](stays.md)
\`\`\`

The pages named here with their paths lie in the folder of the installed package.
`,
  )
  assert.equal(withoutRelativeLinks('[a](https://b.example)\n'), '[a](https://b.example)\n')
})

test('our front page has no relative link left, and names pages that exist', () => {
  const page = readFileSync(join(root, 'README.md'), 'utf8')
  assert.match(page, RELATIVE)
  const plain = withoutRelativeLinks(page)
  assert.doesNotMatch(plain, RELATIVE)
  const named = [...plain.matchAll(/`((?:docs|examples)\/[^`]+\.md)`/g)].map(([, path]) => path)
  assert.ok(named.length > 5)
  for (const path of named) assert.ok(existsSync(join(root, path)), path)
})
