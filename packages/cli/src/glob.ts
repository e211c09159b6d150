/** A pattern that matches whole names; `*` stands for anything, `?` for one character. */
export function globOf(pattern: string): RegExp {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${escaped}$`)
}

/** Whether a name matches one of the patterns; any does when there are none. */
export function matcherOf(patterns: readonly string[]): (name: string) => boolean {
  const globs = patterns.map(globOf)
  return (name) => globs.length === 0 || globs.some((glob) => glob.test(name))
}
