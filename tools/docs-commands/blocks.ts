/** A fenced block of a Markdown file. */
export interface Block {
  /** What stands behind the fence: `sh`, `ts`, … or nothing. */
  readonly language: string
  readonly text: string
  /** Line of the opening fence, from 1. */
  readonly line: number
  /** Why it is not run: the comment `<!-- not run: … -->` right above it. */
  readonly notRun: string | null
}

/** The fenced blocks of a Markdown text, in order. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  const lines = markdown.split('\n')
  let above = ''
  for (let i = 0; i < lines.length; i++) {
    const opening = /^(```+)(\w*)\s*$/.exec(lines[i])
    if (opening === null) {
      if (lines[i].trim() !== '') above = lines[i].trim()
      continue
    }
    const [, fence, language] = opening
    const start = i + 1
    while (++i < lines.length && lines[i].trim() !== fence);
    if (i === lines.length) throw new Error(`the block of line ${start} has no end`)
    const notRun = /^<!-- not run: (.+) -->$/.exec(above)?.[1] ?? null
    blocks.push({ language, text: lines.slice(start, i).join('\n'), line: start, notRun })
    above = ''
  }
  return blocks
}

/** The commands of a `sh` block: one a line, a backslash at the end goes on, `#` begins a remark. */
export function commandsOf(block: Block): string[] {
  return block.text
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}
