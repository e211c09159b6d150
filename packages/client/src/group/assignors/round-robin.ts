import { type Assignor, compare, Shares, sortMembers } from './assignor.ts'

/** All partitions one after the other to the members in turn, passing over those who do not read the topic (`RoundRobinAssignor`). */
export const roundRobinAssignor: Assignor = {
  name: 'roundrobin',
  cooperative: false,
  assign(members, partitions) {
    const shares = new Shares(members)
    const sorted = sortMembers(members)
    let turn = 0
    for (const topic of [...partitions.keys()].sort(compare)) {
      if (!sorted.some(({ topics }) => topics.includes(topic))) continue
      for (let partition = 0; partition < partitions.get(topic)!; partition++) {
        while (!sorted[turn % sorted.length].topics.includes(topic)) turn++
        shares.give(sorted[turn++ % sorted.length].memberId, topic, partition)
      }
    }
    return shares.result()
  },
}
