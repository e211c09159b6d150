import { type Assignment, type Assignor, isHomogeneous } from './assignor.ts'
import { assignMixed } from './uniform-heterogeneous.ts'
import { assignEvenly } from './uniform-homogeneous.ts'

/**
 * `uniform`: members that may have the same have as many, within one, and what is assigned stays where it is as long as that
 * holds (`UniformAssignor` in Apache Kafka).
 */
export const assignUniformly: Assignor = (members, topics) => {
  if (members.length === 0) return new Map<string, Assignment>()
  return isHomogeneous(members) ? assignEvenly(members, topics) : assignMixed(members, topics)
}
