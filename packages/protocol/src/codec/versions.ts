/** A closed range of versions; `max` is `Infinity` for an open one, and `min` > `max` means none. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

export const NO_VERSIONS: VersionRange = { min: 0, max: -1 }
export const ALL_VERSIONS: VersionRange = { min: 0, max: Number.POSITIVE_INFINITY }

const parsed = new Map<string, VersionRange>([['none', NO_VERSIONS]])

/** `'3+'`, `'0-12'`, `'4'` or `'none'`. Few texts occur thousands of times, so each is parsed once. */
export function parseVersions(text: string): VersionRange {
  let range = parsed.get(text)
  if (range === undefined) parsed.set(text, (range = parse(text)))
  return range
}

function parse(text: string): VersionRange {
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (!match) throw new Error(`not a version range: ${text}`)
  const min = Number(match[1])
  return { min, max: match[2] ? Number.POSITIVE_INFINITY : match[3] === undefined ? min : Number(match[3]) }
}

export function includes(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max
}
