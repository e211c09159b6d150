import { join } from 'node:path'
import { projectDir, run } from '../../tools/peers/folders.ts'
import { installPython, pythonProgram } from '../../tools/peers/python.ts'
import { native } from '../drivers.ts'
import { cpuSeconds } from '../process-figures.ts'
import type { Row } from '../row.ts'

const program = join(projectDir, 'benchmarks', 'clients', 'transactions.py')
const partitions = 3
const recordsPerTransaction = 100

async function python<Result>(...args: (string | number)[]): Promise<Result> {
  const { stdout } = await run(pythonProgram(), [program, ...args.map(String)])
  return JSON.parse(stdout.toString()) as Result
}

/** Transactions one after the other in each of `producers`; in the end a reader must see all of their records. */
const transactions = (producers: number): Row => ({
  kind: 'shared',
  id: `transactions of 100 records, ${producers} ${producers === 1 ? 'producer' : 'producers'}`,
  warmUp: true,
  async measure(broker, context) {
    await installPython()
    const topic = context.topic()
    await native('create', broker.bootstrap, { topic, partitions })
    const seconds = context.short ? 0.5 : context.round < 0 ? 8 : 4
    const before = cpuSeconds(broker.pid)
    const load = [broker.bootstrap, topic, producers, recordsPerTransaction, seconds]
    const rate = await python<{ transactions: number; seconds: number; cpuSeconds: number }>('produce', ...load)
    const cpu = cpuSeconds(broker.pid) - before
    const { records } = await python<{ records: number }>('count', broker.bootstrap, topic)
    const wanted = rate.transactions * recordsPerTransaction
    if (records !== wanted) throw new Error(`${records} records are committed instead of ${wanted}`)
    await native('delete', broker.bootstrap, { topic })
    return {
      'transactions/s': rate.transactions / rate.seconds,
      'broker CPU s per 1,000 transactions': (cpu * 1000) / rate.transactions,
      'driver cores': rate.cpuSeconds / rate.seconds,
    }
  },
})

export const transactionRows: Row[] = [transactions(1), transactions(10)]
