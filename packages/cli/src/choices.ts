import type { Command, Option } from 'commander'
import { UsageError } from './command.ts'

/** The names of the codecs, in the order of their numbers in a batch's attributes. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
/** `--acks`; producers also know `all` as -1. */
export const ACKS = ['0', '1', 'all'] as const

/** What completion offers as the value of an option. */
const suggestions = new WeakMap<Option, readonly string[]>()

export function suggestionsOf(option: Option): readonly string[] {
  return suggestions.get(option) ?? []
}

/** Declares an option whose value is one of a few. */
export function addChoice(
  command: Command,
  flags: string,
  description: string,
  values: readonly string[],
  standard?: string,
): void {
  const option = addSuggested(command, flags, description, values, standard)
  option.argParser((text: string) => oneOf(option.long as string, values, text))
}

/** Declares an option that completion offers these values for; others are possible. */
export function addSuggested(
  command: Command,
  flags: string,
  description: string,
  values: readonly string[],
  standard?: string,
): Option {
  const option = command.createOption(flags, description)
  if (standard !== undefined) option.default(standard)
  suggestions.set(option, values)
  command.addOption(option)
  return option
}

/** The text, when it is one of the values; throws `UsageError` otherwise. */
export function oneOf<T extends string>(what: string, values: readonly T[], text: string): T {
  if ((values as readonly string[]).includes(text)) return text as T
  throw new UsageError(`${what} is one of ${values.join(', ')}, not ${JSON.stringify(text)}`)
}
