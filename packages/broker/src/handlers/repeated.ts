/** Positions of the items whose key another item of the list has too. */
export function repeated<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlySet<number> {
  const first = new Map<string, number>()
  const found = new Set<number>()
  for (const [i, item] of items.entries()) {
    const key = keyOf(item)
    const known = first.get(key)
    if (known === undefined) first.set(key, i)
    else found.add(known).add(i)
  }
  return found
}
