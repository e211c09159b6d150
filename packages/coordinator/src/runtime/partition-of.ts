/** Java's `String.hashCode`: over UTF-16 units, in 32 bits. */
export function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/**
 * The partition of the internal topic that keeps what belongs to this group id or transactional id. As Kafka's `Utils.abs`,
 * the absolute value of the smallest integer is 0.
 */
export function coordinatorPartition(id: string, partitions: number): number {
  const hash = javaHash(id)
  return (hash === -0x8000_0000 ? 0 : Math.abs(hash)) % partitions
}
