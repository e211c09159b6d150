/** Writes plain data (objects, arrays, strings, numbers, booleans, null) as YAML 1.2. */
export function toYaml(value: unknown): string {
  if (isNested(value)) return block(value, 0)
  return `${scalar(value)}\n`
}

function isNested(value: unknown): value is object {
  if (value === null || typeof value !== 'object') return false
  return Array.isArray(value) ? value.length > 0 : entriesOf(value).length > 0
}

function entriesOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, v]) => v !== undefined)
}

function block(value: object, depth: number): string {
  const indent = '  '.repeat(depth)
  if (Array.isArray(value)) {
    return value
      .map((item) =>
        // The first line of a nested item stands behind its dash.
        isNested(item) ? `${indent}- ${block(item, depth + 1).trimStart()}` : `${indent}- ${scalar(item)}\n`,
      )
      .join('')
  }
  return entriesOf(value)
    .map(([name, item]) =>
      isNested(item)
        ? `${indent}${text(name)}:\n${block(item, depth + 1)}`
        : `${indent}${text(name)}: ${scalar(item)}\n`,
    )
    .join('')
}

function scalar(value: unknown): string {
  if (Array.isArray(value)) return '[]'
  if (typeof value === 'object' && value !== null) return '{}'
  return typeof value === 'string' ? text(value) : String(value)
}

/** Plain where no reader could take it for something else, else in double quotes, which are JSON's. */
function text(value: string): string {
  const plain = /^[A-Za-z_/][\w./@+-]*( [\w./@+-]+)*$/.test(value)
  const special = /^(true|false|null|yes|no|on|off|y|n|~)$/i.test(value)
  return plain && !special ? value : JSON.stringify(value)
}
