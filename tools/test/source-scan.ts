/** A string literal of a source file: where its content starts, and what it says (escapes left as they are). */
export interface Literal {
  readonly start: number
  readonly value: string
}

export interface Scanned {
  /** The source with comments, regular expressions and the insides of strings blanked; every offset is the same. */
  readonly code: string
  readonly literals: readonly Literal[]
}

/** After these words a slash begins a regular expression, after other words it divides. */
const beforeExpression = new Set(
  'return typeof instanceof in of new delete void throw case do else yield await export default'.split(' '),
)

/**
 * Tells code from comments, strings, templates and regular expressions. It knows as much of the language as that
 * takes and nothing more.
 */
export function scanSource(source: string): Scanned {
  const out = source.split('')
  const literals: Literal[] = []
  /** For each open template, how many braces are open inside its current `${`. */
  const templates: number[] = []
  let at = 0

  const blank = (from: number, to: number): void => {
    for (let i = from; i < to && i < out.length; i++) if (out[i] !== '\n') out[i] = ' '
  }

  /** Whether a slash here begins a regular expression: it does unless a value has just ended. */
  const expressionExpected = (): boolean => {
    let i = at - 1
    while (i >= 0 && /\s/.test(out[i])) i--
    if (i < 0) return true
    if (/[\w$]/.test(out[i])) {
      const word = /[\w$]+$/.exec(out.slice(Math.max(0, i - 20), i + 1).join(''))![0]
      return beforeExpression.has(word)
    }
    return !/[)\]}'"`]/.test(out[i])
  }

  const skipString = (quote: string): void => {
    const start = ++at
    while (at < source.length && source[at] !== quote && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1
    literals.push({ start, value: source.slice(start, at) })
    blank(start, at)
    at += 1
  }

  /** From inside a template to its end or to its next `${`. */
  const skipTemplate = (): void => {
    const start = at
    while (at < source.length && source[at] !== '`') {
      if (source[at] === '\\') at += 2
      else if (source.startsWith('${', at)) {
        literals.push({ start, value: source.slice(start, at) })
        blank(start, at)
        templates.push(0)
        at += 2
        return
      } else at += 1
    }
    literals.push({ start, value: source.slice(start, at) })
    blank(start, at)
    at += 1
  }

  const skipRegex = (): void => {
    const start = at++
    let inClass = false
    while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
      if (source[at] === '\\') at += 1
      else if (source[at] === '[') inClass = true
      else if (source[at] === ']') inClass = false
      at += 1
    }
    at += 1
    // Something has to stand there, so that a slash after it divides.
    blank(start, at)
    out[start] = '0'
  }

  while (at < source.length) {
    const c = source[at]
    if (source.startsWith('//', at) || (at === 0 && source.startsWith('#!'))) {
      const end = source.indexOf('\n', at)
      blank(at, end < 0 ? source.length : end)
      at = end < 0 ? source.length : end
    } else if (source.startsWith('/*', at)) {
      const end = source.indexOf('*/', at + 2)
      const stop = end < 0 ? source.length : end + 2
      blank(at, stop)
      at = stop
    } else if (c === '"' || c === "'") {
      skipString(c)
    } else if (c === '`') {
      at += 1
      skipTemplate()
    } else if (c === '/' && expressionExpected()) {
      skipRegex()
    } else if (templates.length > 0 && c === '{') {
      templates[templates.length - 1] += 1
      at += 1
    } else if (templates.length > 0 && c === '}') {
      at += 1
      if (templates.at(-1) === 0) {
        templates.pop()
        skipTemplate()
      } else templates[templates.length - 1] -= 1
    } else at += 1
  }
  return { code: out.join(''), literals }
}

/** The literals that name a module: after `from`, `import`, `import(`, `require(`, `getBuiltinModule(` and the like. */
export function moduleNames(scanned: Scanned): Literal[] {
  return scanned.literals.filter(({ start }) => {
    // The rest of a template behind `${…}` begins at a brace.
    if (scanned.code[start - 1] === '}') return false
    // Up to the quote before the content.
    const before = scanned.code.slice(Math.max(0, start - 80), start - 1)
    return /(?:(?<![\w$.])from|(?<![\w$.])import(?:\s*\()?|[\w$]*[rR]equire(?:\.resolve)?\s*\(|getBuiltinModule\s*\(|import\.meta\.resolve\s*\()\s*$/.test(
      before,
    )
  })
}

export function lineOf(source: string, offset: number): number {
  let line = 1
  for (let i = source.indexOf('\n'); i >= 0 && i < offset; i = source.indexOf('\n', i + 1)) line += 1
  return line
}
