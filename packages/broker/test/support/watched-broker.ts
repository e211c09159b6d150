/**
 * A broker in a process of its own that watches itself; `BrokerProcess` starts it and asks. `node --expose-gc` runs it,
 * with `Settings` as JSON in the one argument.
 */
import { readFileSync } from 'node:fs'
import { Broker, BrokerConfig, objectLayer } from '@ottla/broker'
import { nodeRuntime } from '@ottla/runtime/node'
import { LineCounter, observe } from './bad-input/observe.ts'
import type { Observed } from './bad-input/target.ts'
import { TurnWatch } from './turn-watch.ts'

export interface Settings {
  readonly config: Readonly<Record<string, string | number>>
  /** See `BrokerOptions`. */
  readonly poisonBuffers: boolean
}

export interface Watched extends Observed {
  /** Of the longest turn of the event loop since the last `start` or `measure`: what it used of the processor. */
  readonly longestTurnMs: number
  readonly turns: number
  /** JavaScript's heap in use and the memory of buffers. */
  readonly heldBytes: number
  /** What the process has of the machine's memory, files aside (Linux's RssAnon; all of it where the system does not tell). */
  readonly residentBytes: number
}

export type Question =
  /** The turns that follow are watched. */
  | 'start'
  /** An answer at once. */
  | 'look'
  /** The same, but rubbish goes first, and what follows is watched anew. */
  | 'measure'
  | 'stop'

const { config, poisonBuffers } = JSON.parse(process.argv[2]) as Settings
const lines = new LineCounter()
const identity = { pid: process.pid, startedAt: 'watched', bootId: 'watched' }
const broker = await Broker.start(
  { config: BrokerConfig.from(objectLayer(config)), identity, isAlive: () => false, poisonBuffers },
  nodeRuntime({ logger: lines.logger }),
)
const watch = new TurnWatch()

function residentBytes(): number {
  try {
    const kB = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]
    if (kB !== undefined) return Number(kB) * 1024
  } catch {
    // No Linux.
  }
  return process.memoryUsage.rss()
}

function watched(): Watched {
  const { heapUsed, external } = process.memoryUsage()
  return {
    ...observe(broker, lines),
    longestTurnMs: watch.longestCpuMs,
    turns: watch.turns,
    heldBytes: heapUsed + external,
    residentBytes: residentBytes(),
  }
}

async function answer(question: Question): Promise<Watched> {
  switch (question) {
    case 'start':
      watch.reset()
      return watched()
    case 'look':
      return watched()
    case 'measure': {
      const { longestTurnMs, turns } = watched()
      // Memory of buffers is let go of in turns after the one in which it was found to be rubbish.
      for (let i = 0; i < 3; i++) {
        globalThis.gc?.()
        await new Promise((resolve) => setImmediate(resolve))
      }
      watch.reset()
      return { ...watched(), longestTurnMs, turns }
    }
    case 'stop':
      await broker.close()
      return watched()
  }
}

process.on('message', async (question: Question) => {
  process.send?.(await answer(question))
  if (question === 'stop') process.disconnect?.()
})
process.on('disconnect', () => process.exit(0))
process.send?.({ port: broker.listeners[0].port })
