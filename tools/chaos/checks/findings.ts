/** Of one kind, so many are kept in words; all are counted. */
const WORDS_MAX = 10

/** What a check has seen that must not be. */
export class Findings {
  readonly #byKind = new Map<string, { count: number; words: string[] }>()

  add(kind: string, what: string): void {
    const found = this.#byKind.get(kind) ?? { count: 0, words: [] }
    this.#byKind.set(kind, found)
    found.count += 1
    if (found.words.length < WORDS_MAX) found.words.push(what)
  }

  get any(): boolean {
    return this.#byKind.size > 0
  }

  count(kind: string): number {
    return this.#byKind.get(kind)?.count ?? 0
  }

  lines(): string[] {
    return [...this.#byKind].flatMap(([kind, { count, words }]) => [
      `${kind}: ${count}`,
      ...words.map((what) => `  ${what}`),
    ])
  }
}
