// Recovers a log manager from every legal state of its disk after a crash: `npm run crash -- --states 1000000`,
// `--from SEED` for other scripts, `--replay SEED:INDEX:KEY` for one state again.
import { parseArgs } from 'node:util'
import { enumerate, replay } from '../packages/storage/test/crash/enumerate.ts'

const { values } = parseArgs({
  options: {
    states: { type: 'string', default: '100000' },
    from: { type: 'string', default: '1' },
    replay: { type: 'string' },
  },
})

let passed = 0
try {
  if (values.replay !== undefined) {
    await replay(values.replay)
    console.log(`crash: state ${values.replay} recovers`)
  } else {
    const states = Number(values.states)
    if (!Number.isInteger(states) || states < 1) throw new Error(`--states ${values.states} is no number of states`)
    const result = await enumerate({
      states,
      firstSeed: Number(values.from),
      statesPerPhase: 1000,
      progress: (done) => {
        passed = done
        if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${states}`)
      },
    })
    if (process.stderr.isTTY) process.stderr.write('\r')
    for (const [phase, count] of result.byPhase) console.log(`${phase.padEnd(16)} ${count}`)
    for (const [invariant, count] of [...result.exercised].sort())
      console.log(`${invariant.padEnd(16)} looked at ${count} times`)
    console.log(
      `crash: ${result.states} states of ${result.scripts} scripts and ${result.nested} within recovery (node ${process.version})`,
    )
    console.log(`${result.states + result.nested} passed, 0 failed`)
  }
} catch (error) {
  console.error(`FAIL ${(error as Error).message}`)
  console.log(`${passed} passed, 1 failed`)
  process.exitCode = 1
}
