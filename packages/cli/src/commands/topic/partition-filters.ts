import type { Command } from 'commander'
import { type CommandContext, UsageError } from '../../command.ts'
import { addHidden } from '../../globals.ts'

/** What the filters look at. */
export interface FilteredPartition {
  /** Null while there is none. */
  readonly leader: number | null
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

type Filter = (partition: FilteredPartition, minInSyncReplicas: number) => boolean

/** By the options of Apache Kafka's `kafka-topics --describe`, with its rules (TopicCommand). */
export const partitionFilters: Readonly<Record<string, Filter>> = {
  '--under-replicated-partitions': ({ replicas, isr }) => isr.length < replicas.length,
  '--unavailable-partitions': ({ leader }) => leader === null,
  '--under-min-isr-partitions': ({ isr }, minInSyncReplicas) => isr.length < minInSyncReplicas,
  '--at-min-isr-partitions': ({ isr }, minInSyncReplicas) => isr.length === minInSyncReplicas,
}

export function addPartitionFilters(command: Command): void {
  for (const flag of Object.keys(partitionFilters)) addHidden(command, flag)
}

/** The filter of the command line, or null. Throws `UsageError` for more than one. */
export function partitionFilterOf({ options }: CommandContext): Filter | null {
  const given = Object.keys(partitionFilters).filter((flag) => options[camelCase(flag)] === true)
  if (given.length > 1) throw new UsageError(`give either ${given.join(' or ')}`)
  return given.length === 0 ? null : partitionFilters[given[0]]
}

/** The name under which commander keeps a flag. */
function camelCase(flag: string): string {
  return flag.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
