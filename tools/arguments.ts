import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'

/** The comment at the head of a tool, which says how it is used. */
export function usageOf(toolUrl: string): string {
  const comment = /^\/\*\*\n([\s\S]*?)^ \*\/$/m.exec(readFileSync(fileURLToPath(toolUrl), 'utf8'))
  if (comment === null) throw new Error(`${toolUrl} has no comment that says how it is used`)
  return comment[1].replace(/^ \* ?/gm, '')
}

/** Ends the process with one sentence, for what a person has to write otherwise. */
export function refuse(sentence: string): never {
  console.error(`${sentence}; --help tells what there is`)
  process.exit(1)
}

/**
 * What a tool is called with, by `parseArgs`. `--help` prints the comment at the head of the tool and ends well; what is
 * unknown, or no value of its option, is one sentence and ends with 1.
 */
export function toolArguments<const T extends ParseArgsOptionsConfig>(
  toolUrl: string,
  options: T,
  allowPositionals = false,
) {
  if (process.argv.slice(2).includes('--help')) {
    process.stdout.write(usageOf(toolUrl))
    process.exit(0)
  }
  try {
    const parsed = parseArgs({ options, allowPositionals: true, strict: true })
    if (!allowPositionals && parsed.positionals.length > 0) refuse(`Unexpected argument '${parsed.positionals[0]}'`)
    return parsed
  } catch (error) {
    // Node goes on about how else the argument could have been meant.
    return refuse((error as Error).message.replace(/\.\s[\s\S]*$/, ''))
  }
}

/** The value of an option that is a whole number, within bounds. */
export function wholeNumber(name: string, text: string, least = 0): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
  return refuse(`--${name} takes a whole number, ${least} or more, not ${JSON.stringify(text)}`)
}
