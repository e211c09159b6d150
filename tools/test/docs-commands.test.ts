/** Every command on the pages works: each page is followed from top to bottom, as a reader would. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Block, blocksOf, commandsOf } from '../docs-commands/blocks.ts'
import { CheckoutLike } from '../docs-commands/checkout.ts'
import { INLINE_COMMANDS, inlineCommandsOf } from '../docs-commands/inline.ts'

const root = new URL('../..', import.meta.url).pathname
const pages = globSync(['*.md', 'docs/*.md', 'examples/*.md', 'benchmarks/*.md'], { cwd: root }).sort()

/** Too much for `npm test`, which they contain; `.ci/run` runs them as they are. */
const LEFT_TO_CI = ['npm ci', 'npm test']
/** Programs of others that a bare machine lacks. */
const PEERS = ['kcat']
/** Commands that are there for what they print. */
const READS = /\b(consume|kcat .*-[CL]|list|describe|info|dump)\b/

const read = (page: string): Block[] => blocksOf(readFileSync(join(root, page), 'utf8'))

const isThere = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0

/** Why a command is not run here, or `null`. */
function reasonNotToRun(command: string): string | null {
  if (LEFT_TO_CI.includes(command)) return 'left to .ci/run, which contains it'
  const missing = PEERS.find((program) => new RegExp(`\\b${program}\\b`).test(command) && !isThere(program))
  return missing === undefined ? null : `${missing} is not installed`
}

/** Their TypeScript is whole programs. */
const PROGRAM_PAGES = ['README.md', 'docs/client.md']

/** Its blocks are those of README.md, as a test below makes sure. */
const TRANSLATION = 'README.zh-CN.md'

for (const page of pages) {
  const blocks = read(page)
  const commands = blocks.filter(({ language }) => language === 'sh')
  if (commands.length === 0 || page === TRANSLATION) continue
  test(`${page}: every command`, async (t) => {
    const checkout = new CheckoutLike()
    try {
      for (const block of commands) {
        if (block.notRun !== null) {
          await t.test(`line ${block.line}`, { skip: block.notRun }, () => {})
          continue
        }
        for (const command of commandsOf(block)) {
          const skip = reasonNotToRun(command) ?? false
          await t.test(`line ${block.line}: ${command}`, { skip }, async () => {
            const printed = await checkout.run(command)
            if (READS.test(command)) assert.notEqual(printed, '', 'it printed nothing')
          })
        }
      }
      for (const { text, line } of PROGRAM_PAGES.includes(page)
        ? blocks.filter(({ language }) => language === 'ts')
        : []) {
        await t.test(`line ${line}: the program`, async () => {
          const path = join(checkout.folder, `line-${line}.ts`)
          writeFileSync(path, text)
          await checkout.runProgram(path)
        })
      }
    } finally {
      await checkout.remove()
    }
  })
}

test('every command in the text of a page', async (t) => {
  const checkout = new CheckoutLike()
  try {
    writeFileSync(join(checkout.folder, 'server.properties'), 'num.partitions=3\nlog.retention.hours=48\n')
    for (const [command, executed] of INLINE_COMMANDS) {
      await t.test(command, async () => {
        if ('by' in executed) {
          assert.ok(
            readFileSync(join(root, executed.by), 'utf8').includes(executed.says),
            `${executed.by} does not run it`,
          )
          return
        }
        for (const line of executed.runs) await checkout.run(line.replace(/^ottla /, 'npx ottla '))
      })
    }
  } finally {
    await checkout.remove()
  }
})

test('a command in the text of a page is known to work, and the table has no other', () => {
  const named = new Map<string, string>()
  for (const page of pages) {
    for (const command of inlineCommandsOf(readFileSync(join(root, page), 'utf8'))) named.set(command, page)
  }
  const unknown = [...named].filter(([command]) => !INLINE_COMMANDS.has(command))
  assert.deepEqual(unknown, [], 'to be run by a test, as tools/docs-commands/inline.ts says of each')
  assert.deepEqual(
    [...INLINE_COMMANDS.keys()].filter((command) => !named.has(command)),
    [],
    'no page names it',
  )
  const text =
    'a `ottla start\n  --adopt`, `ottla`, `ottla.x.y` and `npm run`\n```sh\nnpm run demo `x`\n```\n`npm test` `npx ottla --help`'
  assert.deepEqual(inlineCommandsOf(text), ['ottla start --adopt', 'npm test', 'npx ottla --help'])
})

test('.ci/run runs what is left to it', () => {
  const script = readFileSync(join(root, '.ci/run'), 'utf8')
  for (const command of LEFT_TO_CI) assert.match(script, new RegExp(`^stage \\w+ ${command}\\b`, 'm'))
})

test('the README says the same in both languages', () => {
  const code = (page: string): string[] =>
    read(page).map(({ language, text }) => `${language}\n${text.replace(/^(\/\/|#).*$/gm, '')}`)
  assert.deepEqual(code(TRANSLATION), code('README.md'))
  const links = (page: string): string[] =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((docs\/[^)]+)\)/g)].map(([, path]) => path)
  assert.deepEqual(links(TRANSLATION).sort(), links('README.md').sort())
})

test('a block has its language, and a reason when it is not run', () => {
  for (const page of pages) {
    for (const { language, line } of read(page)) {
      assert.notEqual(language, 'bash', `${page}:${line}: say sh, so that it is run`)
      assert.notEqual(language, 'shell', `${page}:${line}: say sh, so that it is run`)
    }
  }
})

test('links between the pages lead somewhere', () => {
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)\s]+)\)/g)) {
      const path = join(page, '..', target.replace(/#.*$/, ''))
      assert.equal(globSync(path, { cwd: root }).length, 1, `${page} links ${target}`)
    }
  }
})

test('reads blocks, continuations, remarks and reasons', () => {
  const blocks = blocksOf(
    'a\n\n<!-- not run: it is long -->\n```sh\none \\\n  two\n# remark\n\nthree\n```\n```\nx\n```\n',
  )
  assert.deepEqual(
    blocks.map(({ notRun, language, line }) => ({ notRun, language, line })),
    [
      { notRun: 'it is long', language: 'sh', line: 4 },
      { notRun: null, language: '', line: 11 },
    ],
  )
  assert.deepEqual(commandsOf(blocks[0]), ['one two', 'three'])
})
