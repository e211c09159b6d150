/**
 * Installs the peers that interop, conformance and benchmarks use, from their registries, into `.peers/`.
 *
 *     node tools/peers/install.ts            everything
 *     node tools/peers/install.ts kcat go    only these
 */
import { relative } from 'node:path'
import { installApacheKafka } from './apache-kafka.ts'
import { type Installed, projectDir } from './folders.ts'
import { installGoProgram } from './go.ts'
import { installJavaScenarios } from './java-scenarios.ts'
import { installKafkaClients } from './kafka-clients.ts'
import { installKcat } from './kcat.ts'
import { installNodeClients } from './node-clients.ts'
import { installPython } from './python.ts'

const steps: Record<string, () => Promise<Installed>> = {
  'kafka-4.3.1': () => installApacheKafka('4.3.1'),
  'kafka-3.9.2': () => installApacheKafka('3.9.2'),
  'kafka-clients-3.9.2': () => installKafkaClients('3.9.2'),
  'kafka-clients-4.3.1': () => installKafkaClients('4.3.1'),
  'kafka-clients-4.4.0': () => installKafkaClients('4.4.0'),
  'java-scenarios-4.3.1': () => installJavaScenarios('4.3.1'),
  'java-scenarios-3.9.2': () => installJavaScenarios('3.9.2'),
  kcat: installKcat,
  python: installPython,
  node: installNodeClients,
  'franz-go-scenarios': () => installGoProgram('franz-go-scenarios'),
  'bench-driver': () => installGoProgram('bench-driver'),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in steps))
if (unknown.length > 0) {
  console.error(`unknown peer ${unknown.join(', ')}; known: ${Object.keys(steps).join(', ')}`)
  process.exit(2)
}
let failed = 0
const names = wanted.length > 0 ? wanted : Object.keys(steps)
for (const name of names) {
  const startedMs = performance.now()
  try {
    const { path, cached } = await steps[name]!()
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
    const where = path.startsWith(projectDir) ? relative(projectDir, path) : path
    console.log(`${name}: ${cached ? 'there already' : `installed in ${seconds} s`} (${where})`)
  } catch (error) {
    failed++
    console.log(`${name}: failed: ${(error as Error).message}`)
  }
}
console.log(`${names.length - failed} installed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
