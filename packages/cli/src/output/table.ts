export interface Column<R> {
  readonly title: string
  /** Undefined and null are shown as `-`. */
  value(row: R): string | number | boolean | null | undefined
  /** Numbers stand to the right. */
  readonly align?: 'left' | 'right'
}

/** Lines of columns, two spaces apart, titles in capitals, without trailing spaces. */
export function toTable<R>(columns: readonly Column<R>[], rows: readonly R[]): string {
  const cells = rows.map((row) => columns.map((c) => cell(c.value(row))))
  const titles = columns.map((c) => c.title.toUpperCase())
  const widths = columns.map((_, i) => Math.max(width(titles[i]), ...cells.map((line) => width(line[i]))))
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => {
        const fill = ' '.repeat(widths[i] - width(text))
        return columns[i].align === 'right' ? fill + text : text + fill
      })
      .join('  ')
      .trimEnd()
  return [titles, ...cells].map((texts) => `${line(texts)}\n`).join('')
}

function cell(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined || value === '') return '-'
  // A control character in a name must not reach the terminal.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}

/** Columns on a terminal: East Asian wide characters take two. */
function width(text: string): number {
  let columns = 0
  for (const character of text) {
    const code = character.codePointAt(0) as number
    const wide =
      (code >= 0x1100 && code <= 0x115f) ||
      (code >= 0x2e80 && code <= 0xa4cf) ||
      (code >= 0xac00 && code <= 0xd7a3) ||
      (code >= 0xf900 && code <= 0xfaff) ||
      (code >= 0xfe30 && code <= 0xfe6f) ||
      (code >= 0xff00 && code <= 0xff60) ||
      (code >= 0x1f300 && code <= 0x1faff)
    columns += wide ? 2 : 1
  }
  return columns
}
