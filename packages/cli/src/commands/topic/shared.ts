import type { KafkaError } from '@ottla/client'
import type { Command } from 'commander'
import { type CommandContext, UsageError } from '../../command.ts'
import { explain } from '../../errors.ts'
import { exitCodes } from '../../exit-codes.ts'
import { addHidden, addRefused, append } from '../../globals.ts'

/** `--topic`, as Apache Kafka's tools spell what is an argument here. */
export function addTopicAlias(command: Command): void {
  addHidden(command, '--topic <name>', append)
}

/** `-p` is a partition everywhere; rpk's `topic create -p 6` says how many there are. */
export function refusePartition(command: Command, instead = '--partitions'): void {
  addRefused(command, '-p <n>', `-p is the number of one partition: ${instead} says how many there are`)
}

export function refuseReplicaAssignment(command: Command): void {
  addRefused(command, '--replica-assignment <list>', '--replica-assignment places the partitions of a new topic only')
}

/** The topics of the command line, wherever they stand. */
export function topicsOf(context: CommandContext): string[] {
  const aliased = (context.options.topic as string[] | undefined) ?? []
  return [...context.args, ...aliased.flatMap((names) => names.split(','))]
}

export function someTopics(context: CommandContext): string[] {
  const topics = topicsOf(context)
  if (topics.length === 0) throw new UsageError('name at least one topic')
  return topics
}

/** Reads `name=value` settings; a value may hold commas and more `=`. */
export function parseConfigs(texts: readonly string[] | undefined): Record<string, string> {
  const configs: Record<string, string> = {}
  for (const text of texts ?? []) {
    const at = text.indexOf('=')
    if (at < 1) throw new UsageError(`a setting is name=value, not ${JSON.stringify(text)}`)
    configs[text.slice(0, at)] = text.slice(at + 1)
  }
  return configs
}

export function wholeNumber(name: string, min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (text.trim() === '' || !Number.isSafeInteger(number) || number < min || number > max) {
      throw new UsageError(`${name} is a whole number from ${min}${max < 2 ** 31 ? ` to ${max}` : ''}, not ${text}`)
    }
    return number
  }
}

/** `--if-exists`: an item that the cluster does not have is no failure. */
export function tolerateAbsent<I extends Item>(items: readonly I[]): (I | (I & { readonly absent: true }))[] {
  return items.map((item) =>
    item.error?.code === 'UNKNOWN_TOPIC_OR_PARTITION' ? { ...item, error: null, absent: true } : item,
  )
}

export interface Item {
  readonly name: string
  readonly error: KafkaError | null
}

/**
 * Prints what became of each item, the failures on standard error, and returns the exit code: that of the failure when
 * all failed, `partial` when some did.
 */
export async function report<I extends Item>(
  context: CommandContext,
  items: readonly I[],
  done: (item: I) => string,
): Promise<number> {
  if (context.globals.format !== null && context.globals.format !== 'table') {
    await context.output.data(
      items.map(({ error, ...item }) => ({
        ...item,
        error: error === null ? null : { code: error.code, message: error.message },
      })),
    )
  }
  const failed = items.filter((item) => item.error !== null)
  for (const item of items) {
    if (item.error !== null) process.stderr.write(`ottla: ${explain(item.error).message}\n`)
    else if (context.output.format === 'table') await context.output.line(done(item))
  }
  if (failed.length === 0) return exitCodes.ok
  return failed.length === items.length ? explain(failed[0].error).exitCode : exitCodes.partial
}
