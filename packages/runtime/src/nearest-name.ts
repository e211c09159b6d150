/** With more of them it is another name. */
const MISTAKES = 2

/**
 * The known name that at most two typing mistakes, or other capitals, dots and dashes, turn into `name`; of names of up to
 * five characters one mistake, else anything would be near. Null when there is none.
 */
export function nearestName(name: string, known: Iterable<string>): string | null {
  const plainName = plain(name)
  let best: string | null = null
  let bestDistance = Math.min(MISTAKES, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    if (plainName !== '' && plain(candidate) === plainName) return candidate
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue
    const distance = editDistance(name, candidate)
    if (distance >= bestDistance) continue
    best = candidate
    bestDistance = distance
  }
  return best
}

/** `linger.ms` and `lingerms` are meant to be `lingerMs`. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, '')
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1))
    }
    row = next
  }
  return row[b.length]
}
