import { UsageError } from '../../command.ts'

/**
 * Reads kafka-topics' `--replica-assignment`: brokers parted by colons, partitions by commas, so `1:2,2:3` puts
 * partition 0 on brokers 1 (preferred as leader) and 2. Throws `UsageError`.
 */
export function parseReplicaAssignment(text: string): number[][] {
  const partitions = text.split(',').map((part) => {
    const brokers = part.split(':').map((id) => (/^\s*\d{1,10}\s*$/.test(id) ? Number(id) : Number.NaN))
    if (brokers.some((id) => !(id < 2 ** 31)))
      throw new UsageError(`--replica-assignment is broker:broker,broker:broker,…, not ${JSON.stringify(text)}`)
    const twice = brokers.find((id, i) => brokers.indexOf(id) < i)
    if (twice !== undefined) throw new UsageError(`--replica-assignment names broker ${twice} twice in ${part.trim()}`)
    return brokers
  })
  if (partitions.some(({ length }) => length !== partitions[0].length))
    throw new UsageError('--replica-assignment gives every partition the same number of brokers')
  return partitions
}
