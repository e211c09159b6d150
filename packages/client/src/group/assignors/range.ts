import { type Assignor, compare, Shares, sortMembers } from './assignor.ts'

/**
 * Topic by topic, each member a run of neighbouring partitions, the first ones one more where it does not come out even
 * (`RangeAssignor` in Apache Kafka): partitions of the same number of topics with as many of them go to the same member.
 */
export const rangeAssignor: Assignor = {
  name: 'range',
  cooperative: false,
  assign(members, partitions) {
    const shares = new Shares(members)
    const sorted = sortMembers(members)
    for (const topic of [...partitions.keys()].sort(compare)) {
      const readers = sorted.filter(({ topics }) => topics.includes(topic))
      const count = partitions.get(topic)!
      let next = 0
      for (const [i, { memberId }] of readers.entries()) {
        const share = Math.floor(count / readers.length) + (i < count % readers.length ? 1 : 0)
        for (let n = 0; n < share; n++) shares.give(memberId, topic, next++)
      }
    }
    return shares.result()
  },
}
