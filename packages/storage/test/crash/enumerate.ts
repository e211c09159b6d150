import { crashImage, crashStates } from '@ottla/runtime/sim'
import { Dice } from '../support/random.ts'
import { checkState, recover, Violation } from './check.ts'
import { PHASES, type Phase, runScript, type ScriptRun } from './script.ts'

export interface EnumerateOptions {
  /** How many states to recover. */
  readonly states: number
  /** Seed of the first script; the next script has the next seed. */
  readonly firstSeed: number
  /** About how many of them in each phase of each script, where there are so many; the two extremes of an index always. */
  readonly statesPerPhase: number
  readonly progress?: (states: number) => void
}

export interface EnumerateResult {
  states: number
  scripts: number
  /** States of a crash within recovery. */
  nested: number
  readonly byPhase: Map<Phase, number>
  readonly exercised: Map<string, number>
}

/** One state in so many is looked at thoroughly, and crashed again within its recovery. */
const THOROUGH_EVERY = 24
const NESTED_PER_STATE = 3

export class CrashFailure extends Error {
  constructor(violation: unknown, seed: number, index: number, key: string, phase: Phase) {
    const what = violation instanceof Violation ? violation.message : (violation as Error).stack
    super(`${what}\n  while: ${phase}\n  replay: npm run crash -- --replay ${seed}:${index}:${key}`, {
      cause: violation,
    })
  }
}

/** Recovers distinct crash states until there are enough. Throws `CrashFailure` at the first that breaks a promise. */
export async function enumerate(options: EnumerateOptions): Promise<EnumerateResult> {
  const result: EnumerateResult = {
    states: 0,
    scripts: 0,
    nested: 0,
    byPhase: new Map(PHASES.map((phase) => [phase, 0])),
    exercised: new Map(),
  }
  for (let seed = options.firstSeed; result.states < options.states; seed++) {
    enumerateScript(await runScript(seed), options, result)
    result.scripts++
  }
  return result
}

function enumerateScript(run: ScriptRun, options: EnumerateOptions, result: EnumerateResult): void {
  const dice = new Dice(run.seed ^ 0x5eed)
  const indexes = new Map<Phase, number>()
  for (const phase of run.phases) if (phase !== undefined) indexes.set(phase, (indexes.get(phase) ?? 0) + 1)
  let currentIndex = -1
  let seen = 0
  let estimate = 1
  for (const state of crashStates(run.history, { seed: run.seed, fromIndex: run.firstIndex })) {
    if (state.index !== currentIndex) {
      currentIndex = state.index
      estimate = Math.max(seen, 1)
      seen = 0
    }
    seen++
    const phase = run.phases[state.index] ?? 'append'
    const extreme = /^(\+*|-*)$/.test(state.key)
    // As many states as the index before had, this one has too, or nearly.
    if (!extreme && !dice.chance(options.statesPerPhase / indexes.get(phase)! / estimate)) continue
    const thorough = result.states % THOROUGH_EVERY === 0
    const kill = /^\+*$/.test(state.key)
    try {
      checkState(run, state.image(), { index: state.index, kill, thorough, exercised: result.exercised })
      if (thorough) result.nested += crashWithinRecovery(run, state.image(), state.index, kill, dice, result)
    } catch (error) {
      throw new CrashFailure(error, run.seed, state.index, state.key, phase)
    }
    result.states++
    result.byPhase.set(phase, result.byPhase.get(phase)! + 1)
    if (result.states % 1000 === 0) options.progress?.(result.states)
    if (result.states >= options.states) return
  }
}

type Image = ReturnType<typeof crashImage>

/** S3: a crash within the recovery itself leaves nothing worse than the crash before. */
function crashWithinRecovery(
  run: ScriptRun,
  image: Image,
  index: number,
  kill: boolean,
  dice: Dice,
  result: EnumerateResult,
): number {
  const world = recover(image, true)
  world.settle(1)
  const history = world.machine.disk.history()
  const { length } = history.events
  let nested = 0
  for (let i = 0; i < NESTED_PER_STATE; i++) {
    const at = dice.between(0, length)
    for (const state of crashStates(history, {
      seed: dice.below(1 << 20),
      subsetsPerIndex: 1,
      fromIndex: at,
      toIndex: at,
    })) {
      if (!dice.chance(0.3)) continue
      // What a killed process had written may go with the power cut that follows.
      const stillKilled = kill && /^\+*$/.test(state.key)
      checkState(run, state.image(), { index, kill: stillKilled, thorough: false, exercised: result.exercised })
      nested++
      break
    }
  }
  return nested
}

/** One state again, as a failure report names it: `seed:index:key`. */
export async function replay(name: string): Promise<void> {
  const [seed, index, key = ''] = name.split(':')
  const run = await runScript(Number(seed))
  const image = crashImage(run.history, Number(index), key)
  const kill = /^\+*$/.test(key)
  checkState(run, image, { index: Number(index), kill, thorough: true, exercised: new Map() })
}
