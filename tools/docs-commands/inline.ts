/** How a command that a page names in its text is known to work. */
export type Executed =
  /** The test of the pages runs these, in order, in a folder like a checkout. */
  | { readonly runs: readonly string[] }
  /** A test or a stage of `.ci` runs it: this file, which has these words. */
  | { readonly by: string; readonly says: string }

const asItIs = (command: string): readonly [string, Executed] => [command, { runs: [command] }]
const asShort = (command: string, ...runs: string[]): readonly [string, Executed] => [command, { runs }]
const elsewhere = (command: string, by: string, says: string): readonly [string, Executed] => [command, { by, says }]

/** Every command of ours that the text of a page names, and what runs it. */
export const INLINE_COMMANDS: ReadonlyMap<string, Executed> = new Map([
  asItIs('npx ottla --help'),
  asItIs('npx ottla start'),
  asItIs('ottla start'),
  asItIs('ottla start --config server.properties'),
  asItIs('ottla start --set log.retention.hours=24'),
  elsewhere('ottla start --adopt', '.ci/stages/30-kafka-files.sh', 'node tools/kafka-files/run.ts'),
  asShort('ottla produce', 'npx ottla topic create inline', 'echo hello | npx ottla produce inline'),
  asShort('ottla config set', 'npx ottla topic create set', 'npx ottla config set set retention.ms=3600000'),
  elsewhere('ottla log dump --check', 'packages/cli/test/log-dump.test.ts', "'--check'"),
  elsewhere('npm test', '.ci/run', 'stage test npm test'),
  elsewhere('npm ci && npm test', '.ci/run', 'stage install npm ci'),
  asShort('npm test -- packages/storage', 'npm test -- tools/test/lockfile.test.ts'),
  asShort('npm run fuzz', 'npm run fuzz -- --per 20 --api ApiVersions'),
  elsewhere('npm run bench', '.ci/stages/55-bench.sh', 'node benchmarks/run.ts'),
  elsewhere('npm run bench:client', '.ci/stages/56-bench-client.sh', 'node benchmarks/client/run.ts'),
  elsewhere('npm run chaos:single', '.ci/stages/54-chaos.sh', 'node tools/chaos/run.ts'),
  elsewhere('npm run chaos:single -- --minutes 5', '.ci/stages/54-chaos.sh', '--minutes'),
  elsewhere('npm run conformance', '.ci/stages/20-conformance.sh', 'node tools/conformance/run.ts'),
  elsewhere('npm run crash', '.ci/stages/52-crash.sh', 'node tools/crash.ts'),
  elsewhere('npm run crash -- --states N', '.ci/stages/52-crash.sh', 'node tools/crash.ts --states'),
  elsewhere('npm run interop', '.ci/stages/40-interop.sh', 'node interop/run.ts'),
  elsewhere('npm run pack', 'tools/packed/run.ts', 'tools/pack.ts'),
  elsewhere('npm run packed', '.ci/stages/60-packed-oldest.sh', 'node tools/packed/run.ts'),
  elsewhere('npm run packed -- --node 26.10.0 --keep', '.ci/stages/61-packed-newest.sh', '--node 26.10.0 --keep'),
  elsewhere('npm run planted', '.ci/stages/51-planted.sh', 'node tools/planted.ts'),
  elsewhere('npm run planted -- --only skip-crc', '.ci/stages/51-planted.sh', '--only skip-crc'),
  elsewhere('npm run sim', '.ci/stages/50-sim.sh', 'node tools/sim.ts'),
])

/** Ours, with what it is to do: `ottla` alone is a name. */
const OURS = /^(?:npx )?ottla -*\w|^npm (?:run \S|test\b|ci\b)/

/** The commands of ours between backticks in the text of a Markdown page, outside its fenced blocks. */
export function inlineCommandsOf(markdown: string): string[] {
  const text = markdown.replace(/^(```+)[^`\n]*\n[\s\S]*?^\1\s*$/gm, '')
  const commands: string[] = []
  // A backtick without its other half spoils no more than its paragraph.
  for (const paragraph of text.split(/\n\s*\n/)) {
    for (const [, span] of paragraph.matchAll(/`([^`]+)`/g)) {
      const command = span.replace(/\s+/g, ' ').trim()
      if (OURS.test(command)) commands.push(command)
    }
  }
  return commands
}
