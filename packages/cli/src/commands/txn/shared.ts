import type { Command } from 'commander'
import { type CommandContext, UsageError } from '../../command.ts'
import { addHidden, append } from '../../globals.ts'

/** `--transactional-id`, as Apache Kafka's tool spells what is an argument here. */
export function addIdAlias(command: Command): void {
  addHidden(command, '--transactional-id <id>', append)
}

export function idsOf(context: CommandContext): string[] {
  return [...new Set([...context.args, ...((context.options.transactionalId as string[] | undefined) ?? [])])]
}

export function someIds(context: CommandContext): string[] {
  const ids = idsOf(context)
  if (ids.length === 0) throw new UsageError('name at least one transactional id; `ottla txn list` shows them')
  return ids
}
