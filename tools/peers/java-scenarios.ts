import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Installed, installOnce, peersDir, projectDir, run } from './folders.ts'
import { installKafkaClients, type KafkaClientsVersion, kafkaClientsClassPath } from './kafka-clients.ts'
import { classPath, installJars } from './maven.ts'

const folder = (version: KafkaClientsVersion) => `java-scenarios-${version}`

const classes = (version: KafkaClientsVersion) => [kafkaClientsClassPath(version), classPath('java-json')].join(':')

/** Compiles our Java scenario program against one release of kafka-clients. */
export async function installJavaScenarios(version: KafkaClientsVersion): Promise<Installed> {
  await installKafkaClients(version)
  await installJars('java-json', ['com.fasterxml.jackson.core:jackson-databind:2.21.2'])
  const sourceDir = join(projectDir, 'interop', 'clients', 'java')
  const sources = readdirSync(sourceDir).filter((file) => file.endsWith('.java'))
  const paths = sources.sort().map((file) => join(sourceDir, file))
  const hash = createHash('sha256')
  for (const path of paths) hash.update(readFileSync(path))
  return installOnce(folder(version), { version, hash: hash.digest('hex') }, async (dir) => {
    await run('javac', ['-nowarn', '-cp', classes(version), '-d', dir, ...paths])
  })
}

/** How to run it. Install it first. */
export function javaScenariosCommand(version: KafkaClientsVersion): [string, string[]] {
  const path = `${join(peersDir, folder(version))}:${classes(version)}`
  return ['java', ['-cp', path, '-Xmx1G', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', 'Scenarios']]
}
