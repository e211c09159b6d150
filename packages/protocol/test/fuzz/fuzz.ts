import { CodecError, type Message, Reader } from '@ottla/protocol'
import { type Layout, layOut } from './layout.ts'
import { mutate, mutateLength, targetsOf } from './mutations.ts'
import { derivedSeed, Random } from './random.ts'
import { randomValue } from './values.ts'

const BASES = 24
/** So many of a hundred inputs have another length somewhere. */
const LENGTHS_PERCENT = 55
/** One in so many inputs that decode is encoded again. */
const ENCODE_AGAIN = 8

export interface Input {
  readonly message: Message
  readonly version: number
  readonly bytes: Buffer
  /** By the reader's own account. */
  readonly cost: number
  /** Which array was grown how, if the input was made so. */
  readonly shape?: string
}

export interface Outcome {
  decoded: number
  refused: number
  /** Lengths of fields whose length was left as it is in every input. */
  fieldsMissed: number
  /** Inputs that something else than `CodecError` was thrown for, or that did not come back as they were. */
  readonly failures: string[]
}

export const newOutcome = (): Outcome => ({ decoded: 0, refused: 0, fieldsMissed: 0, failures: [] })

/** Keeps the inputs that cost most in proportion to what they may cost. */
export class Costliest {
  readonly inputs: Input[] = []
  private readonly capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
  }

  offer(input: Input): void {
    this.inputs.push(input)
    if (this.inputs.length >= 4 * this.capacity) this.trim()
  }

  /** The costliest ones, in descending order. */
  top(): readonly Input[] {
    this.trim()
    return this.inputs
  }

  private trim(): void {
    this.inputs.sort((a, b) => ratio(b) - ratio(a))
    this.inputs.length = Math.min(this.inputs.length, this.capacity)
  }
}

function ratio({ cost, bytes }: Input): number {
  return cost / (bytes.length + 64)
}

/** Decodes `count` mutations of valid inputs of one message in one version. */
export function fuzz(message: Message, version: number, seed: number, count: number, costliest?: Costliest): Outcome {
  const random = new Random(derivedSeed(seed, `${message.name} ${version}`))
  const outcome = newOutcome()
  const bases: Layout[] = []
  for (let i = 0; i < BASES; i++) {
    const value = randomValue(message, version, random)
    const base = layOut(message, version, value)
    if (!base.bytes.equals(message.encode(version, value))) fail(outcome, 'encoded otherwise than laid out', base.bytes)
    bases.push(base)
  }
  const targets = targetsOf(bases)
  let turn = 0
  for (let i = 0; i < count; i++) {
    const inLength = targets.length > 0 && random.below(100) < LENGTHS_PERCENT
    const bytes = inLength ? mutateLength(targets[turn++ % targets.length], random) : mutate(bases[i % BASES], random)
    tryInput(message, version, bytes, outcome, costliest)
  }
  const changed = new Set(targets.slice(0, turn).map(({ spot }) => spot.field))
  outcome.fieldsMissed = targets.filter(({ spot }) => !changed.has(spot.field)).length
  return outcome
}

/** Decodes one input, and encodes it again now and then. */
export function tryInput(
  message: Message,
  version: number,
  bytes: Buffer,
  outcome: Outcome,
  costliest?: Costliest,
  shape?: string,
): void {
  const reader = new Reader(bytes)
  try {
    const value = message.read(reader, version)
    reader.finish()
    outcome.decoded++
    if (outcome.decoded % ENCODE_AGAIN === 0) encodeAgain(message, version, bytes, value, outcome)
  } catch (error) {
    if (error instanceof CodecError) outcome.refused++
    else fail(outcome, error instanceof Error ? `${error.name}: ${error.message}` : String(error), bytes)
  }
  if (costliest !== undefined && reader.charged > 0) {
    costliest.offer({ message, version, bytes, cost: reader.charged, shape })
  }
}

/** What was decoded can be encoded, and is then the same to the byte each time. */
function encodeAgain(message: Message, version: number, bytes: Buffer, value: object, outcome: Outcome): void {
  try {
    const once = message.encode(version, value as Record<string, unknown>)
    const twice = message.encode(version, message.decode(once, version))
    if (!once.equals(twice)) fail(outcome, 'comes back otherwise each time', bytes)
  } catch (error) {
    // A string of damaged UTF-8 may be too long once its bytes are replaced.
    if (error instanceof CodecError && error.code === 'VALUE') return
    throw error instanceof CodecError ? new Error(`cannot be encoded again: ${error.message}`) : error
  }
}

function fail(outcome: Outcome, what: string, bytes: Buffer): void {
  if (outcome.failures.length < 5) outcome.failures.push(`${what}: ${bytes.toString('hex').slice(0, 2000)}`)
}
