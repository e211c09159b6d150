import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  anyVersion,
  type MetadataStore,
  type Outcome,
  type SessionState,
  type StoreErrorCode,
  type WatchEvent,
} from '@ottla/cluster'

/** How the suite reaches one implementation. Made anew for each test, over an empty folder of its own. */
export interface MetadataStoreHarness {
  /** An existing persistent node without children, below which the test may do what it likes; no slash at the end. */
  readonly root: string
  /** A new session. */
  open(): Promise<MetadataStore>
  /** Makes the servers give the session up; resolves when its ephemerals are gone. */
  expire(store: MetadataStore): Promise<void>
  /** Stops and starts the servers over the same disk. Sessions opened before are not used again. */
  restart(): Promise<void>
  dispose(): Promise<void>
}

const bytes = (text: string): Buffer => Buffer.from(text)

function value<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) assert.fail(`${outcome.code} on ${outcome.path}`)
  return outcome.value
}

function code(outcome: { readonly ok: boolean; readonly code?: StoreErrorCode }): StoreErrorCode | 'ok' {
  return outcome.ok ? 'ok' : (outcome.code as StoreErrorCode)
}

/** Collects events and lets a test wait for the n-th. */
function recorder() {
  const events: WatchEvent[] = []
  const waiting: { count: number; resolve: () => void }[] = []
  return {
    events,
    watcher: (event: WatchEvent) => {
      events.push(event)
      for (const waiter of waiting) if (events.length >= waiter.count) waiter.resolve()
    },
    reached: (count: number) =>
      new Promise<void>((resolve) => {
        if (events.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
  }
}

/**
 * ZooKeeper's contract as the cluster code relies on it (C5): every implementation of `MetadataStore` passes this.
 */
export function metadataStoreContract(name: string, makeHarness: () => Promise<MetadataStoreHarness>): void {
  const contract = (title: string, body: (harness: MetadataStoreHarness, store: MetadataStore) => Promise<void>) =>
    test(title, async () => {
      const harness = await makeHarness()
      try {
        await body(harness, await harness.open())
      } finally {
        await harness.dispose()
      }
    })

  describe(`MetadataStore contract: ${name}`, () => {
    describe('nodes and versions', () => {
      contract('a node is made, read, listed and removed', async ({ root }, store) => {
        const { path, stat } = value(await store.create(`${root}/a`, bytes('one')))
        assert.equal(path, `${root}/a`)
        assert.equal(stat.version, 0)
        assert.equal(stat.cversion, 0)
        assert.equal(stat.ephemeralOwner, 0n)
        assert.equal(stat.dataLength, 3)
        assert.equal(stat.czxid, stat.mzxid)
        assert.equal(stat.czxid, stat.pzxid)
        const read = value(await store.get(`${root}/a`))
        assert.equal(read.data?.toString(), 'one')
        assert.deepEqual(read.stat, stat)
        assert.deepEqual(value(await store.exists(`${root}/a`)), stat)
        value(await store.create(`${root}/b`, null))
        assert.deepEqual(value(await store.children(root)).names, ['a', 'b'])
        value(await store.delete(`${root}/a`, 0))
        assert.deepEqual(value(await store.children(root)).names, ['b'])
        assert.equal(value(await store.exists(`${root}/a`)), null)
      })

      contract('no data and empty data differ', async ({ root }, store) => {
        value(await store.create(`${root}/none`, null))
        value(await store.create(`${root}/empty`, bytes('')))
        assert.equal(value(await store.get(`${root}/none`)).data, null)
        assert.equal(value(await store.get(`${root}/empty`)).data?.length, 0)
        value(await store.set(`${root}/empty`, null, 0))
        assert.equal(value(await store.get(`${root}/empty`)).data, null)
      })

      contract('set and delete compare versions', async ({ root }, store) => {
        const path = `${root}/a`
        const created = value(await store.create(path, bytes('0')))
        const once = value(await store.set(path, bytes('1'), 0))
        assert.equal(once.version, 1)
        assert.equal(once.czxid, created.stat.czxid)
        assert.ok(once.mzxid > created.stat.mzxid)
        assert.equal(once.pzxid, created.stat.pzxid)
        assert.equal(code(await store.set(path, bytes('x'), 0)), 'badVersion')
        assert.equal(code(await store.set(path, bytes('x'), 2)), 'badVersion')
        assert.equal(value(await store.set(path, bytes('2'), anyVersion)).version, 2)
        assert.equal(code(await store.delete(path, 1)), 'badVersion')
        assert.equal(value(await store.get(path)).data?.toString(), '2')
        value(await store.delete(path, anyVersion))
        // A node made again starts again, and is told apart by its czxid.
        const again = value(await store.create(path, null))
        assert.equal(again.stat.version, 0)
        assert.ok(again.stat.czxid > once.mzxid)
      })

      contract('of many compare-and-sets on one version exactly one succeeds', async (harness, store) => {
        const path = `${harness.root}/cas`
        value(await store.create(path, bytes('')))
        const stores = [store, await harness.open(), await harness.open()]
        const outcomes = await Promise.all(
          Array.from({ length: 30 }, (_, i) => stores[i % stores.length].set(path, bytes(String(i)), 0)),
        )
        const winners = outcomes.flatMap((outcome, i) => (outcome.ok ? [i] : []))
        assert.equal(winners.length, 1)
        for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.code, 'badVersion')
        assert.equal(value(await store.get(path)).data?.toString(), String(winners[0]))
      })

      contract('what cannot be done says why', async ({ root }, store) => {
        value(await store.create(`${root}/a`, null))
        value(await store.create(`${root}/a/b`, null))
        assert.equal(code(await store.create(`${root}/a`, null)), 'nodeExists')
        assert.equal(code(await store.create(`${root}/x/y`, null)), 'noNode')
        assert.equal(code(await store.get(`${root}/x`)), 'noNode')
        assert.equal(code(await store.children(`${root}/x`)), 'noNode')
        assert.equal(code(await store.set(`${root}/x`, null, anyVersion)), 'noNode')
        assert.equal(code(await store.delete(`${root}/x`, anyVersion)), 'noNode')
        assert.equal(code(await store.delete(`${root}/a`, anyVersion)), 'notEmpty')
        value(await store.create(`${root}/e`, null, 'ephemeral'))
        assert.equal(code(await store.create(`${root}/e/child`, null)), 'noChildrenForEphemerals')
        for (const path of ['', 'a', '//', `${root}/`, `${root}//a`, `${root}/.`, `${root}/../a`, `${root}/\u0001`]) {
          assert.equal(code(await store.create(path, null)), 'badArguments', JSON.stringify(path))
          assert.equal(code(await store.get(path)), 'badArguments', JSON.stringify(path))
        }
        value(await store.create(`${root}/..a.b..`, null))
      })

      contract('cversion counts children made and removed; pzxid moves with them', async ({ root }, store) => {
        const parent = `${root}/p`
        value(await store.create(parent, null))
        value(await store.create(`${parent}/a`, null))
        const second = value(await store.create(`${parent}/b`, null, 'ephemeral'))
        const grown = value(await store.exists(parent))
        assert.equal(grown?.cversion, 2)
        assert.equal(grown?.numChildren, 2)
        assert.equal(grown?.pzxid, second.stat.czxid)
        value(await store.set(`${parent}/a`, bytes('x'), 0))
        assert.equal(value(await store.exists(parent))?.pzxid, second.stat.czxid)
        value(await store.delete(`${parent}/a`, 1))
        const shrunk = value(await store.exists(parent))
        assert.equal(shrunk?.cversion, 3)
        assert.equal(shrunk?.version, 0)
        assert.ok((shrunk?.pzxid as number) > second.stat.czxid)
      })

      contract('zxids rise with every change', async ({ root }, store) => {
        let last = 0
        for (let i = 0; i < 5; i++) {
          const { stat } = value(await store.create(`${root}/n${i}`, null))
          assert.ok(stat.czxid > last)
          last = value(await store.set(`${root}/n${i}`, null, 0)).mzxid
          assert.ok(last > stat.czxid)
        }
      })
    })

    describe('sequential nodes', () => {
      contract('numbers rise by one per child ever made, in ten digits', async ({ root }, store) => {
        const make = async (path: string, mode: 'persistentSequential' | 'ephemeralSequential') =>
          value(await store.create(path, null, mode)).path
        assert.equal(await make(`${root}/s_`, 'persistentSequential'), `${root}/s_0000000000`)
        value(await store.create(`${root}/plain`, null))
        assert.equal(await make(`${root}/t_`, 'ephemeralSequential'), `${root}/t_0000000002`)
        value(await store.delete(`${root}/t_0000000002`, anyVersion))
        assert.equal(await make(`${root}/`, 'persistentSequential'), `${root}/0000000003`)
      })

      contract('sessions at once get different numbers', async (harness, store) => {
        const stores = [store, await harness.open()]
        const made = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            stores[i % 2].create(`${harness.root}/n_`, null, 'persistentSequential'),
          ),
        )
        assert.equal(new Set(made.map((outcome) => value(outcome).path)).size, 20)
      })
    })

    describe('multi', () => {
      contract('all operations happen, in order and in one transaction', async ({ root }, store) => {
        value(await store.create(`${root}/old`, bytes('v0')))
        const results = value(
          await store.multi([
            { type: 'check', path: `${root}/old`, expectedVersion: 0 },
            { type: 'create', path: `${root}/a`, data: bytes('a') },
            { type: 'create', path: `${root}/a/b`, data: null },
            { type: 'set', path: `${root}/a`, data: bytes('aa'), expectedVersion: 0 },
            { type: 'create', path: `${root}/a/s_`, data: null, mode: 'persistentSequential' },
            { type: 'delete', path: `${root}/old`, expectedVersion: 0 },
          ]),
        )
        assert.deepEqual(
          results.map((result) => result.type),
          ['check', 'create', 'create', 'set', 'create', 'delete'],
        )
        const [, a, b, set, sequential] = results
        assert.ok(a.type === 'create' && b.type === 'create' && set.type === 'set' && sequential.type === 'create')
        assert.equal(sequential.path, `${root}/a/s_0000000001`)
        assert.equal(a.stat.czxid, b.stat.czxid)
        assert.equal(set.stat.mzxid, a.stat.czxid)
        assert.equal(set.stat.version, 1)
        assert.deepEqual(value(await store.children(root)).names, ['a'])
      })

      contract('a failing operation leaves nothing of the others', async ({ root }, store) => {
        value(await store.create(`${root}/kept`, bytes('v0')))
        value(await store.create(`${root}/gone`, bytes('g')))
        const before = value(await store.children(root))
        const watch = recorder()
        value(await store.get(`${root}/kept`, watch.watcher))
        value(await store.children(root, watch.watcher))
        const outcome = await store.multi([
          { type: 'set', path: `${root}/kept`, data: bytes('v1'), expectedVersion: 0 },
          { type: 'delete', path: `${root}/gone`, expectedVersion: 0 },
          { type: 'create', path: `${root}/new`, data: null },
          { type: 'create', path: `${root}/e`, data: null, mode: 'ephemeral' },
          { type: 'check', path: `${root}/kept`, expectedVersion: 0 },
        ])
        assert.ok(!outcome.ok)
        assert.equal(outcome.code, 'badVersion')
        assert.equal(outcome.index, 4)
        assert.equal(outcome.path, `${root}/kept`)
        assert.deepEqual(value(await store.children(root)), before)
        const kept = value(await store.get(`${root}/kept`))
        assert.equal(kept.data?.toString(), 'v0')
        assert.equal(kept.stat.version, 0)
        assert.equal(value(await store.get(`${root}/gone`)).data?.toString(), 'g')
        // The next event is of the next change: the failed multi made none.
        value(await store.set(`${root}/kept`, bytes('v1'), 0))
        await watch.reached(1)
        assert.deepEqual(watch.events, [{ type: 'dataChanged', path: `${root}/kept` }])
      })

      contract('a check fails on a missing node and on another version', async ({ root }, store) => {
        value(await store.create(`${root}/epoch`, bytes('1')))
        const create = { type: 'create', path: `${root}/x`, data: null } as const
        const missing = await store.multi([create, { type: 'check', path: `${root}/none`, expectedVersion: 0 }])
        assert.equal(code(missing), 'noNode')
        const stale = await store.multi([{ type: 'check', path: `${root}/epoch`, expectedVersion: 3 }, create])
        assert.ok(!stale.ok && stale.index === 0 && stale.code === 'badVersion')
        assert.equal(value(await store.exists(`${root}/x`)), null)
        value(await store.multi([{ type: 'check', path: `${root}/epoch`, expectedVersion: 0 }, create]))
        assert.equal(value(await store.exists(`${root}/epoch`))?.version, 0)
      })
    })

    describe('sessions', () => {
      contract('ephemerals belong to their session and go when it is closed', async (harness, store) => {
        const other = await harness.open()
        const { stat } = value(await other.create(`${harness.root}/e`, bytes('x'), 'ephemeral'))
        assert.notEqual(other.sessionId, 0n)
        assert.notEqual(other.sessionId, store.sessionId)
        assert.equal(stat.ephemeralOwner, other.sessionId)
        assert.equal(code(await store.create(`${harness.root}/e`, null, 'ephemeral')), 'nodeExists')
        const watch = recorder()
        value(await store.exists(`${harness.root}/e`, watch.watcher))
        await other.close()
        assert.equal(other.state, 'closed')
        await watch.reached(1)
        assert.deepEqual(watch.events, [{ type: 'deleted', path: `${harness.root}/e` }])
        assert.equal(value(await store.exists(`${harness.root}/e`)), null)
        assert.equal(code(await other.get(harness.root)), 'sessionExpired')
        assert.equal(code(await other.create(`${harness.root}/late`, null)), 'sessionExpired')
        await other.close()
      })

      contract('an expired session is told, loses its ephemerals, and can do no more', async (harness, store) => {
        const other = await harness.open()
        const states: SessionState[] = []
        const expired = new Promise<void>((resolve) => {
          other.onState((state) => {
            states.push(state)
            if (state === 'expired') resolve()
          })
        })
        value(await other.create(`${harness.root}/e`, null, 'ephemeral'))
        value(await other.create(`${harness.root}/e_`, null, 'ephemeralSequential'))
        value(await other.create(`${harness.root}/stays`, null))
        await harness.expire(other)
        assert.deepEqual(value(await store.children(harness.root)).names, ['stays'])
        assert.equal(code(await other.set(`${harness.root}/stays`, null, 0)), 'sessionExpired')
        await expired
        assert.equal(other.state, 'expired')
        assert.equal(states.at(-1), 'expired')
        assert.equal(value(await store.exists(`${harness.root}/stays`))?.version, 0)
        await other.close()
      })

      contract('requests of one session are carried out in the order they were made', async ({ root }, store) => {
        const path = `${root}/n`
        const made = store.create(path, bytes('0'))
        const first = store.get(path)
        const set = store.set(path, bytes('1'), 0)
        const second = store.get(path)
        const removed = store.delete(path, 1)
        const third = store.exists(path)
        value(await made)
        assert.equal(value(await first).data?.toString(), '0')
        value(await set)
        assert.equal(value(await second).data?.toString(), '1')
        value(await removed)
        assert.equal(value(await third), null)
      })

      contract('after an answer every session reads the change', async (harness, store) => {
        const other = await harness.open()
        for (let i = 0; i < 10; i++) {
          const { stat } = value(await store.create(`${harness.root}/n${i}`, bytes(String(i))))
          // A replica of an ensemble may lag behind; a write through the same session is ordered after it.
          value(await other.create(`${harness.root}/barrier`, null))
          value(await other.delete(`${harness.root}/barrier`, 0))
          assert.equal(value(await other.exists(`${harness.root}/n${i}`))?.czxid, stat.czxid)
        }
      })
    })

    describe('watches', () => {
      contract('a one-shot watch of data reports the first change and no more', async ({ root }, store) => {
        const path = `${root}/n`
        const watch = recorder()
        assert.equal(value(await store.exists(path, watch.watcher)), null)
        value(await store.create(path, null))
        value(await store.set(path, bytes('1'), 0))
        await watch.reached(1)
        value(await store.get(path, watch.watcher))
        value(await store.set(path, bytes('2'), 1))
        value(await store.set(path, bytes('3'), 2))
        await watch.reached(2)
        value(await store.get(path, watch.watcher))
        value(await store.delete(path, 3))
        await watch.reached(3)
        assert.deepEqual(
          watch.events.map((event) => event.type),
          ['created', 'dataChanged', 'deleted'],
        )
      })

      contract('get of a missing node leaves no watch', async ({ root }, store) => {
        const watch = recorder()
        assert.equal(code(await store.get(`${root}/n`, watch.watcher)), 'noNode')
        assert.equal(code(await store.children(`${root}/n`, watch.watcher)), 'noNode')
        value(await store.create(`${root}/n`, null))
        value(await store.exists(`${root}/n`, watch.watcher))
        value(await store.set(`${root}/n`, null, 0))
        await watch.reached(1)
        assert.deepEqual(watch.events, [{ type: 'dataChanged', path: `${root}/n` }])
      })

      contract('a watch of children reports the list and the end, not the data', async ({ root }, store) => {
        const path = `${root}/p`
        value(await store.create(path, null))
        value(await store.create(`${path}/a`, null))
        const watch = recorder()
        value(await store.children(path, watch.watcher))
        value(await store.set(path, bytes('x'), 0))
        value(await store.set(`${path}/a`, bytes('x'), 0))
        value(await store.create(`${path}/a/deep`, null))
        value(await store.create(`${path}/b`, null))
        await watch.reached(1)
        value(await store.children(path, watch.watcher))
        value(await store.delete(`${path}/b`, 0))
        await watch.reached(2)
        value(await store.delete(`${path}/a/deep`, anyVersion))
        value(await store.delete(`${path}/a`, anyVersion))
        value(await store.children(path, watch.watcher))
        value(await store.delete(path, anyVersion))
        await watch.reached(3)
        assert.deepEqual(watch.events, [
          { type: 'childrenChanged', path },
          { type: 'childrenChanged', path },
          { type: 'deleted', path },
        ])
      })

      contract('one watcher set twice on a node is called once', async ({ root }, store) => {
        const path = `${root}/n`
        value(await store.create(path, null))
        const watch = recorder()
        value(await store.get(path, watch.watcher))
        value(await store.exists(path, watch.watcher))
        value(await store.children(path, watch.watcher))
        value(await store.delete(path, 0))
        value(await store.create(path, null))
        value(await store.exists(path, watch.watcher))
        value(await store.delete(path, 0))
        await watch.reached(2)
        assert.deepEqual(
          watch.events.map((event) => event.type),
          ['deleted', 'deleted'],
        )
      })

      contract(
        'the event comes before the new data and after the answer that set the watch',
        async (harness, store) => {
          const path = `${harness.root}/n`
          const other = await harness.open()
          value(await store.create(path, bytes('0')))
          const seen: string[] = []
          let writing = true
          const reader = (async () => {
            for (let i = 1; i <= 20; i++) {
              const event = new Promise<void>((resolve) => {
                other
                  .get(path, () => {
                    seen.push('event')
                    resolve()
                  })
                  .then((outcome) => seen.push(value(outcome).data?.toString() as string))
              })
              await event
            }
          })()
          const writer = (async () => {
            for (let i = 1; writing; i++) value(await store.set(path, bytes(String(i)), anyVersion))
          })()
          await reader
          writing = false
          await writer
          // data, event, newer data, event, …: never two reads' data without an event between, never an event first.
          let last = -1
          for (let i = 0; i < seen.length; i++) {
            if (i % 2 === 1) {
              assert.equal(seen[i], 'event')
              continue
            }
            assert.notEqual(seen[i], 'event')
            assert.ok(Number(seen[i]) > last, seen.join(' '))
            last = Number(seen[i])
          }
        },
      )

      contract('a read behind a change is answered after the event of that change', async ({ root }, store) => {
        const path = `${root}/n`
        value(await store.create(path, bytes('0')))
        const seen: string[] = []
        const event = new Promise<void>((resolve) => {
          store
            .get(path, () => {
              seen.push('event')
              resolve()
            })
            .then((outcome) => seen.push(`read ${value(outcome).data}`))
        })
        const set = store.set(path, bytes('1'), 0).then(() => seen.push('set'))
        const read = store.get(path).then((outcome) => seen.push(`read ${value(outcome).data}`))
        await Promise.all([event, set, read])
        assert.deepEqual(seen, ['read 0', 'event', 'set', 'read 1'])
      })

      contract('events come in the order of the changes', async (harness, store) => {
        const other = await harness.open()
        const watch = recorder()
        value(await other.addWatch(harness.root, 'persistentRecursive', watch.watcher))
        const { root } = harness
        value(await store.create(`${root}/a`, null))
        value(
          await store.multi([
            { type: 'create', path: `${root}/a/b`, data: null },
            { type: 'set', path: `${root}/a`, data: bytes('x'), expectedVersion: 0 },
            { type: 'delete', path: `${root}/a/b`, expectedVersion: 0 },
          ]),
        )
        value(await store.delete(`${root}/a`, anyVersion))
        await watch.reached(5)
        assert.deepEqual(watch.events, [
          { type: 'created', path: `${root}/a` },
          { type: 'created', path: `${root}/a/b` },
          { type: 'dataChanged', path: `${root}/a` },
          { type: 'deleted', path: `${root}/a/b` },
          { type: 'deleted', path: `${root}/a` },
        ])
      })

      contract('a persistent watch stays until it is removed', async ({ root }, store) => {
        const path = `${root}/n`
        const watch = recorder()
        value(await store.addWatch(path, 'persistent', watch.watcher))
        value(await store.create(path, null))
        value(await store.set(path, null, 0))
        value(await store.create(`${path}/c`, null))
        value(await store.set(`${path}/c`, null, 0))
        value(await store.delete(`${path}/c`, 1))
        value(await store.delete(path, 1))
        value(await store.create(path, null))
        await watch.reached(6)
        value(await store.removeWatch(path, 'persistent', watch.watcher))
        value(await store.set(path, null, 0))
        value(await store.removeWatch(path, 'persistent', watch.watcher))
        assert.deepEqual(
          watch.events.map((event) => event.type),
          ['created', 'dataChanged', 'childrenChanged', 'childrenChanged', 'deleted', 'created'],
        )
      })
    })

    describe('restart', () => {
      contract(
        'what was answered is there, ephemerals are not, and no zxid or number comes twice',
        async (harness, store) => {
          const { root } = harness
          value(await store.create(`${root}/e0`, null, 'ephemeral'))
          value(await store.create(`${root}/a`, bytes('0')))
          value(await store.set(`${root}/a`, bytes('1'), 0))
          value(await store.create(`${root}/a/b`, null))
          value(await store.create(`${root}/gone`, null))
          value(await store.delete(`${root}/gone`, 0))
          const sequential = value(await store.create(`${root}/s_`, null, 'persistentSequential'))
          const ephemeral = value(await store.create(`${root}/e`, null, 'ephemeral'))
          const before = value(await store.get(`${root}/a`))
          await store.close()
          await harness.restart()
          const again = await harness.open()
          assert.notEqual(again.sessionId, store.sessionId)
          assert.deepEqual(value(await again.children(root)).names, ['a', sequential.path.slice(root.length + 1)])
          const after = value(await again.get(`${root}/a`))
          assert.equal(after.data?.toString(), '1')
          assert.deepEqual(after.stat, before.stat)
          const next = value(await again.create(`${root}/s_`, null, 'persistentSequential'))
          assert.ok(next.path > sequential.path)
          const reborn = value(await again.create(`${root}/e`, null, 'ephemeral'))
          assert.ok(reborn.stat.czxid > ephemeral.stat.czxid)
          assert.equal(code(await again.set(`${root}/a`, null, 0)), 'badVersion')
        },
      )
    })
  })
}
