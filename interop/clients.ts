import { join } from 'node:path'
import { projectDir } from '../tools/peers/folders.ts'
import { goProgram, installGoProgram } from '../tools/peers/go.ts'
import { installJavaScenarios, javaScenariosCommand } from '../tools/peers/java-scenarios.ts'
import { installKcat } from '../tools/peers/kcat.ts'
import { installNodeClients } from '../tools/peers/node-clients.ts'
import { installPython, pythonProgram } from '../tools/peers/python.ts'

export interface Client {
  name: string
  install: () => Promise<unknown>
  /** Program and arguments. */
  command: () => [string, string[]]
  /** In a group it commits by an interval, and never when told to. */
  commitsByItself?: boolean
  /** Set where a static member that was fenced joins again and so puts out its double in turn. */
  joinsWhenFenced?: string
  /** Set where a live group cannot take partitions that its topic did not have when it joined. */
  missesNewPartitions?: string
}

const file = (...path: string[]) => join(projectDir, 'interop', 'clients', ...path)

export const clients: readonly Client[] = [
  {
    name: 'kcat',
    install: installKcat,
    command: () => [process.execPath, [file('kcat', 'scenarios.ts')]],
    commitsByItself: true,
  },
  {
    name: 'kafkajs',
    install: installNodeClients,
    command: () => [process.execPath, [file('kafkajs', 'scenarios.ts')]],
  },
  {
    name: 'platformatic',
    install: installNodeClients,
    command: () => [process.execPath, [file('platformatic', 'scenarios.ts')]],
    joinsWhenFenced: '@platformatic/kafka joins again when it was fenced',
    missesNewPartitions:
      '@platformatic/kafka does not look for new partitions in a classic group, and throws on one that KIP-848 gives it',
  },
  { name: 'java-4.3', install: () => installJavaScenarios('4.3.1'), command: () => javaScenariosCommand('4.3.1') },
  { name: 'java-3.9', install: () => installJavaScenarios('3.9.2'), command: () => javaScenariosCommand('3.9.2') },
  {
    name: 'franz-go',
    install: () => installGoProgram('franz-go-scenarios'),
    command: () => [goProgram('franz-go-scenarios'), []],
  },
  {
    name: 'confluent-python',
    install: installPython,
    command: () => [pythonProgram(), [file('confluent-python', 'scenarios.py')]],
  },
  {
    name: 'kafka-python',
    install: installPython,
    command: () => [pythonProgram(), [file('kafka-python', 'scenarios.py')]],
  },
]

/** Reads back what clients write that cannot consume by assignment, and writes what others read. */
export const helperClient = clients.find((client) => client.name === 'franz-go')!
