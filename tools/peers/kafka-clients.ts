import { join } from 'node:path'
import type { Installed } from './folders.ts'
import { peersDir } from './folders.ts'
import { classPath, installJars } from './maven.ts'

/** The kafka-clients releases that peers use: 3.9.2 and 4.3.1 drive brokers, 3.9.2 and 4.4.0 check message fields. */
export const kafkaClientsVersions = ['3.9.2', '4.3.1', '4.4.0'] as const
export type KafkaClientsVersion = (typeof kafkaClientsVersions)[number]

const folder = (version: KafkaClientsVersion) => `kafka-clients-${version}`

/** Puts kafka-clients and what it needs into `.peers/kafka-clients-<version>`. */
export function installKafkaClients(version: KafkaClientsVersion): Promise<Installed> {
  const binding = 'org.slf4j:slf4j-nop:1.7.36'
  return installJars(folder(version), [`org.apache.kafka:kafka-clients:${version}`, binding])
}

/** The path of the kafka-clients jar itself. Install it first. */
export function kafkaClientsJar(version: KafkaClientsVersion): string {
  return join(peersDir, folder(version), `kafka-clients-${version}.jar`)
}

/** The Java class path of kafka-clients with its compression libraries. Install it first. */
export function kafkaClientsClassPath(version: KafkaClientsVersion): string {
  return classPath(folder(version))
}
