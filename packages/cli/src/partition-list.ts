import { UsageError } from './command.ts'

/** No partition has a number above this one, which keeps a slip of the finger from filling the memory. */
const PARTITION_MAX = 100_000

/** Reads `--partition` as it was given, several times or as `0,2,5-7`: sorted numbers, null when it was not given. */
export function parsePartitions(texts: readonly string[] | undefined): number[] | null {
  if (texts === undefined) return null
  const partitions = new Set<number>()
  for (const part of texts.flatMap((text) => text.split(','))) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim())
    const to = Number(match?.[2] ?? match?.[1])
    if (match === null || to > PARTITION_MAX)
      throw new UsageError(`--partition is a number or 5-7, not ${JSON.stringify(part)}`)
    for (let p = Number(match[1]); p <= to; p++) partitions.add(p)
  }
  return [...partitions].sort((a, b) => a - b)
}

/** Sorted numbers as `0-2,5`. */
export function formatPartitions(partitions: readonly number[]): string {
  const parts: string[] = []
  for (let i = 0; i < partitions.length; ) {
    let end = i
    while (partitions[end + 1] === partitions[end] + 1) end += 1
    parts.push(end === i ? `${partitions[i]}` : `${partitions[i]}-${partitions[end]}`)
    i = end + 1
  }
  return parts.join(',')
}

/** Partitions of several topics, sorted: `orders 0-2,5; clicks 1`. */
export function formatTopicPartitions(
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): string {
  return [...Map.groupBy(partitions, (p) => p.topic)]
    .map(([topic, some]) => `${topic} ${formatPartitions(some.map((p) => p.partition))}`)
    .join('; ')
}
