import { encodeSpot, type Layout, type Spot } from './layout.ts'
import type { Random } from './random.ts'

/** Varints no value of ours encodes to: too long, never ending, or with zeros in front. */
const oddVarints = ['ffffffffff', '808080808001', 'ffffffff10', '8000', '8080808000', 'ff', '80'].map((hex) =>
  Buffer.from(hex, 'hex'),
)

/** One length of a valid input. */
export interface Target {
  readonly base: Layout
  readonly spot: Spot
}

/** Every length of the bases: first one of each field, so that no field is left out, then all the others in turn. */
export function targetsOf(bases: readonly Layout[]): Target[] {
  const first: Target[] = []
  const others: Target[] = []
  const fields = new Set<string>()
  const most = Math.max(...bases.map(({ spots }) => spots.length))
  for (let i = 0; i < most; i++) {
    for (const base of bases) {
      const spot = base.spots[i]
      if (spot === undefined) continue
      if (fields.has(spot.field)) others.push({ base, spot })
      else first.push({ base, spot })
      fields.add(spot.field)
    }
  }
  return [...first, ...others]
}

/** Another length than the one that stands there. The same random numbers give the same input. */
export function mutateLength({ base, spot }: Target, random: Random): Buffer {
  const input = replaceSpot(base.bytes, spot, random)
  return random.below(10) === 0 ? flipBits(input, random) : input
}

/** One input made of a valid one: cut, with bits flipped, bytes put in, taken out or repeated. */
export function mutate({ bytes }: Layout, random: Random): Buffer {
  const kind = random.below(9)
  if (kind < 3) return Buffer.from(bytes.subarray(0, random.below(bytes.length + 1)))
  if (kind < 6) return flipBits(bytes, random)
  if (kind < 7) return splice(bytes, random.below(bytes.length + 1), 0, randomBytes(random))
  if (kind < 8) return splice(bytes, random.below(bytes.length + 1), random.below(8), Buffer.alloc(0))
  const start = random.below(bytes.length + 1)
  const copied = bytes.subarray(start, start + random.below(64))
  return splice(bytes, random.below(bytes.length + 1), 0, copied)
}

function replaceSpot(bytes: Buffer, spot: Spot, random: Random): Buffer {
  return splice(bytes, spot.at, spot.bytes, replacement(spot, bytes.length - spot.at - spot.bytes, random))
}

function replacement({ form, value }: Spot, remaining: number, random: Random): Buffer {
  switch (form) {
    case 'int8':
      return encodeSpot(form, random.pick([-1, 0, 1, 2, -128, 127]))
    case 'int16':
      return encodeSpot(
        form,
        clamp(random.pick([-1, -2, -0x8000, 0, 1, value - 1, value + 1, remaining, 0x7fff]), 0x7fff),
      )
    case 'int32': {
      const around = [value - 1, value + 1, value * 2, remaining - 1, remaining, remaining + 1]
      return encodeSpot(form, random.pick([-1, -2, -0x80000000, 0, 1, 0x7fffffff, 0x10000, ...around]))
    }
    case 'uvarint': {
      if (random.below(5) === 0) return random.pick(oddVarints)
      const around = [value - 1, value + 1, value * 2, remaining, remaining + 1, remaining + 2]
      const chosen = random.pick([0, 1, 2, 0x7fff, 0x8000, 0x8001, 0x7fffffff, 0xffffffff, ...around])
      return encodeSpot(form, Math.max(0, chosen))
    }
  }
}

function clamp(value: number, bound: number): number {
  return Math.min(value, bound)
}

function flipBits(bytes: Buffer, random: Random): Buffer {
  const input = Buffer.from(bytes)
  if (input.length === 0) return input
  for (let flips = 1 + random.below(4); flips > 0; flips--) input[random.below(input.length)] ^= 1 << random.below(8)
  return input
}

function splice(bytes: Buffer, at: number, removed: number, added: Buffer): Buffer {
  const rest = Math.min(at + removed, bytes.length)
  const input = Buffer.allocUnsafe(at + added.length + bytes.length - rest)
  bytes.copy(input, 0, 0, at)
  added.copy(input, at)
  bytes.copy(input, at + added.length, rest)
  return input
}

function randomBytes(random: Random): Buffer {
  const content = Buffer.allocUnsafe(1 + random.below(16))
  for (let i = 0; i < content.length; i++) content[i] = random.next()
  return content
}
