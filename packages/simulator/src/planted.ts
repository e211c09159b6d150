/**
 * Planted bugs: a sentence, then hunks of lines to take out and lines to put in. Line numbers are left out on purpose:
 * a hunk's old lines must occur exactly once in the file, so that a patch keeps applying while the code around it moves,
 * and is noticed when what it breaks is no longer there.
 */

export interface Hunk {
  readonly path: string
  readonly before: string
  readonly after: string
}

export interface PlantedBug {
  /** What the bug does. */
  readonly title: string
  readonly hunks: readonly Hunk[]
  /** Lines that are taken out or put in. */
  readonly changedLines: number
}

export function parsePatch(text: string): PlantedBug {
  const title: string[] = []
  const hunks: Hunk[] = []
  let path = ''
  let before: string[] | null = null
  let after: string[] = []
  let changedLines = 0
  const endHunk = (): void => {
    if (before !== null) hunks.push({ path, before: before.join('\n'), after: after.join('\n') })
    before = null
    after = []
  }
  for (const line of text.replace(/\n$/, '').split('\n')) {
    if (line.startsWith('--- ')) {
      endHunk()
      path = line.slice(4)
    } else if (line === '@@') {
      endHunk()
      if (path === '') throw new Error('a hunk before the name of a file')
      before = []
    } else if (before === null) title.push(line)
    else {
      const rest = line.slice(1)
      if (line.startsWith('-')) before.push(rest)
      else if (line.startsWith('+')) after.push(rest)
      else if (line.startsWith(' ') || line === '') {
        before.push(rest)
        after.push(rest)
      } else throw new Error(`a line of a hunk begins with a space, + or -: ${line}`)
      if (line.startsWith('-') || line.startsWith('+')) changedLines++
    }
  }
  endHunk()
  if (hunks.length === 0) throw new Error('no hunk')
  return { title: title.join(' ').trim(), hunks, changedLines }
}

/** The file's text with the hunk applied. Throws when its old lines are not there exactly once. */
export function applyHunk(text: string, { before, after, path }: Hunk): string {
  // Whole lines only.
  const framed = `\n${text}`
  const wanted = `\n${before}\n`
  const at = framed.indexOf(wanted)
  if (at < 0) throw new Error(`${path} does not have the lines\n${before}`)
  if (framed.indexOf(wanted, at + 1) >= 0) throw new Error(`${path} has the lines more than once\n${before}`)
  const replaced = after === '' ? '\n' : `\n${after}\n`
  return `${framed.slice(0, at)}${replaced}${framed.slice(at + wanted.length)}`.slice(1)
}
