import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Timeline, TimelineMap } from '@ottla/coordinator'
import fc from 'fast-check'

interface Value {
  readonly n: number
}

const keys = ['a', 'b', 'c']

const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant('set' as const), key: fc.constantFrom(...keys), n: fc.nat(99) }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('delete' as const), key: fc.constantFrom(...keys) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('begin' as const), by: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('commit' as const), share: fc.integer({ min: 0, max: 100 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('rollBack' as const), share: fc.integer({ min: 0, max: 100 }) }),
  },
)

test('against a copy of the whole map at every version', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const timeline = new Timeline()
      const map = new TimelineMap<string, Value>(timeline)
      map.set('a', { n: -1 })
      timeline.loaded(0)
      // By version, the map as its changes left it.
      const model: [version: number, entries: Map<string, Value>][] = [[0, new Map([['a', { n: -1 }]])]]
      const latest = () => model[model.length - 1]
      for (const step of operations) {
        switch (step.op) {
          case 'begin':
            timeline.begin(timeline.version + step.by)
            model.push([timeline.version, new Map(latest()[1])])
            break
          case 'set':
          case 'delete': {
            // What is committed is never changed: every change has a version of its own.
            timeline.begin(timeline.version + 1)
            model.push([timeline.version, new Map(latest()[1])])
            if (step.op === 'set') {
              map.set(step.key, { n: step.n })
              latest()[1].set(step.key, { n: step.n })
            } else assert.equal(map.delete(step.key), latest()[1].delete(step.key))
            break
          }
          case 'commit': {
            const span = timeline.version - timeline.committedVersion
            timeline.commit(timeline.committedVersion + Math.floor((span * step.share) / 100))
            break
          }
          case 'rollBack': {
            const span = timeline.version - timeline.committedVersion
            const target = timeline.committedVersion + Math.floor((span * step.share) / 100)
            timeline.rollBack(target)
            while (latest()[0] > target) model.pop()
            break
          }
        }
        const committed = model.findLast(([version]) => version <= timeline.committedVersion)![1]
        assert.deepEqual(new Map([...map].sort()), new Map([...latest()[1]].sort()))
        assert.deepEqual(new Map([...map.committedEntries()].sort()), new Map([...committed].sort()))
        for (const key of keys) {
          assert.deepEqual(map.get(key), latest()[1].get(key))
          assert.deepEqual(map.committed(key), committed.get(key))
        }
      }
      timeline.commit(timeline.version)
      for (const key of keys) assert.equal(map.isPending(key), false, 'no past is kept of what is committed')
    }),
    { seed: 4, numRuns: 500 },
  )
})

test('what is committed cannot be taken back, and time does not run backwards', () => {
  const timeline = new Timeline()
  timeline.loaded(10)
  timeline.begin(12)
  timeline.commit(12)
  assert.throws(() => timeline.rollBack(11), /committed/)
  assert.throws(() => timeline.begin(11), /after 12/)
})
