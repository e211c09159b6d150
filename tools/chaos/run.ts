/**
 * Kills, pauses and restarts a broker and its clients, and looks whether anything of what they were promised is broken:
 *
 *   npm run chaos:single -- --minutes 5              so long; default 1
 *   npm run chaos:single -- --minutes 1 --seed 7     the same blows again, and the same choices of the workers
 *   npm run chaos:single -- --verbose                tells each blow
 *
 * One broker, idempotent producers, groups that commit by hand, and transactions that move money between accounts, by our own
 * client and by librdkafka's in Python (`node tools/peers/install.ts python`). docs/testing.md says what is checked. Ends with a
 * table and one line of totals; 1 when something is broken, and when too little has happened to tell.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toolArguments, wholeNumber } from '../arguments.ts'
import { exitOnSignals } from '../peers/running-broker.ts'
import { ChaosRun } from './chaos-run.ts'

const { values } = toolArguments(import.meta.url, {
  minutes: { type: 'string', default: '1' },
  seed: { type: 'string' },
  verbose: { type: 'boolean', default: false },
})
const minutes = wholeNumber('minutes', values.minutes, 1)
const seed = values.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : wholeNumber('seed', values.seed)

// A handler that says what its caller's version has no room for is a mistake.
process.env.OTTLA_STRICT_RESPONSES ??= '1'
// What is tracked ends with this process.
exitOnSignals()
const dir = mkdtempSync(join(tmpdir(), 'ottla-chaos-'))
console.log(`chaos: ${minutes} min, seed ${seed}`)
const run = new ChaosRun({ dir, minutes, seed, say: values.verbose ? (what) => console.log(what) : () => {} })
const { table, broken } = await run.run()
for (const [what, count] of table) console.log(`${what.padEnd(38)} ${count}`)
for (const line of broken) console.log(`FAIL ${line}`)
if (broken.length === 0) rmSync(dir, { recursive: true, force: true })
else console.log(`again: npm run chaos:single -- --minutes ${minutes} --seed ${seed}; what the broker has left: ${dir}`)
console.log(`chaos: ${broken.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed'}, seed ${seed}`)
process.exit(broken.length === 0 ? 0 : 1)
