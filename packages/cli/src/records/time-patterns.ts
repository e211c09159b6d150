import { UsageError } from '../command.ts'

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = 'January February March April May June July August September October November December'.split(' ')
const DAY_MS = 86_400_000

const two = (value: number) => String(value).padStart(2, '0')
const spaced = (value: number) => String(value).padStart(2, ' ')
const hour12 = (at: Date) => at.getUTCHours() % 12 || 12
const half = (at: Date) => (at.getUTCHours() < 12 ? 'AM' : 'PM')
const day = (at: Date) => DAYS[at.getUTCDay()]
const month = (at: Date) => MONTHS[at.getUTCMonth()]
const year = (at: Date) => String(at.getUTCFullYear()).padStart(4, '0')
const dayOfYear = (at: Date) => Math.floor((at.getTime() - Date.UTC(at.getUTCFullYear(), 0)) / DAY_MS) + 1

const conversions: Readonly<Record<string, (at: Date) => string>> = {
  a: (at) => day(at).slice(0, 3),
  A: day,
  b: (at) => month(at).slice(0, 3),
  B: month,
  c: (at) => all('%a %b %e %H:%M:%S %Y', at),
  C: (at) => year(at).slice(0, -2),
  d: (at) => two(at.getUTCDate()),
  D: (at) => all('%m/%d/%y', at),
  e: (at) => spaced(at.getUTCDate()),
  // Milliseconds: not in C, but wanted.
  f: (at) => at.toISOString().slice(-4, -1),
  F: (at) => all('%Y-%m-%d', at),
  h: (at) => month(at).slice(0, 3),
  H: (at) => two(at.getUTCHours()),
  I: (at) => two(hour12(at)),
  j: (at) => String(dayOfYear(at)).padStart(3, '0'),
  k: (at) => spaced(at.getUTCHours()),
  l: (at) => spaced(hour12(at)),
  m: (at) => two(at.getUTCMonth() + 1),
  M: (at) => two(at.getUTCMinutes()),
  n: () => '\n',
  p: half,
  r: (at) => all('%I:%M:%S %p', at),
  R: (at) => all('%H:%M', at),
  s: (at) => String(Math.floor(at.getTime() / 1000)),
  S: (at) => two(at.getUTCSeconds()),
  t: () => '\t',
  T: (at) => all('%H:%M:%S', at),
  u: (at) => String(at.getUTCDay() || 7),
  U: (at) => two(Math.floor((dayOfYear(at) + 6 - at.getUTCDay()) / 7)),
  w: (at) => String(at.getUTCDay()),
  W: (at) => two(Math.floor((dayOfYear(at) + 6 - ((at.getUTCDay() + 6) % 7)) / 7)),
  x: (at) => all('%m/%d/%y', at),
  X: (at) => all('%H:%M:%S', at),
  y: (at) => year(at).slice(-2),
  Y: year,
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
}

function all(pattern: string, at: Date): string {
  return pattern.replace(/%(.)/gs, (_, name: string) => conversions[name](at))
}

/** C's conversions in the C locale, in UTC. Throws `UsageError` for one that is none. */
export function strftime(pattern: string): (at: Date) => string {
  for (const [conversion, name] of pattern.matchAll(/%(.?)/gs)) {
    if (!Object.hasOwn(conversions, name)) throw new UsageError(`-f: strftime has no conversion ${conversion}`)
  }
  return (at) => all(pattern, at)
}

/** Longest first, since one may begin another. */
const references: readonly (readonly [reference: string, print: (at: Date) => string])[] = [
  ['January', month],
  ['_2006', (at) => `_${year(at)}`],
  ['Monday', day],
  ['-07:00', () => '+00:00'],
  ['Z07:00', () => 'Z'],
  ['-0700', () => '+0000'],
  ['Z0700', () => 'Z'],
  ['2006', year],
  ['-07', () => '+00'],
  ['Z07', () => 'Z'],
  ['Jan', (at) => month(at).slice(0, 3)],
  ['Mon', (at) => day(at).slice(0, 3)],
  ['MST', () => 'UTC'],
  ['002', (at) => String(dayOfYear(at)).padStart(3, '0')],
  ['__2', (at) => String(dayOfYear(at)).padStart(3, ' ')],
  ['01', (at) => two(at.getUTCMonth() + 1)],
  ['02', (at) => two(at.getUTCDate())],
  ['03', (at) => two(hour12(at))],
  ['04', (at) => two(at.getUTCMinutes())],
  ['05', (at) => two(at.getUTCSeconds())],
  ['06', (at) => year(at).slice(-2)],
  ['15', (at) => two(at.getUTCHours())],
  ['_2', (at) => spaced(at.getUTCDate())],
  ['PM', half],
  ['pm', (at) => half(at).toLowerCase()],
  ['1', (at) => String(at.getUTCMonth() + 1)],
  ['2', (at) => String(at.getUTCDate())],
  ['3', (at) => String(hour12(at))],
  ['4', (at) => String(at.getUTCMinutes())],
  ['5', (at) => String(at.getUTCSeconds())],
]
const printed = new Map(references)
/** A fraction of a second stands behind its point or comma: zeros are all printed, nines without trailing zeros. */
const FRACTION = '[.,](?:0+|9+)(?!\\d)'
const layoutPattern = new RegExp([...references.map(([reference]) => reference), FRACTION].join('|'), 'g')

/** A layout as Go's `time` package has them: the reference time `Mon Jan 2 15:04:05 MST 2006`, in UTC. */
export function goTime(layout: string): (at: Date) => string {
  return (at) => layout.replace(layoutPattern, (reference) => printed.get(reference)?.(at) ?? fraction(reference, at))
}

function fraction(reference: string, at: Date): string {
  const digits = String(at.getUTCMilliseconds())
    .padStart(3, '0')
    .padEnd(reference.length - 1, '0')
  const shown = digits.slice(0, reference.length - 1)
  if (reference[1] === '0') return reference[0] + shown
  const short = shown.replace(/0+$/, '')
  return short === '' ? '' : reference[0] + short
}
