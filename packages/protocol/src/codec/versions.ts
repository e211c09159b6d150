/** A closed range of versions; `max` is `Infinity` for an open one, and `min` > `max` means none. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

export const NO_VERSIONS: VersionRange = { min: 0, max: -1 }
export const ALL_VERSIONS: VersionRange = { min: 0, max: Number.POSITIVE_INFINITY }

/** `'3+'`, `'0-12'`, `'4'` or `'none'`. */
export function parseVersions(text: string): VersionRange {
  if (text === 'none') return NO_VERSIONS
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (!match) throw new Error(`not a version range: ${text}`)
  const min = Number(match[1])
  return { min, max: match[2] ? Number.POSITIVE_INFINITY : match[3] === undefined ? min : Number(match[3]) }
}

export function includes(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max
}
