import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as protocol from '@ottla/protocol'
import { ErrorCode, Message } from '@ottla/protocol'
import { toolArguments } from '../arguments.ts'
import { peersDir, projectDir } from '../peers/folders.ts'
import { installJars } from '../peers/maven.ts'
import { fingerprintLine } from './canonical.ts'
import { compare, compareHeaders, type Release } from './compare.ts'
import { readErrorNames } from './error-names.ts'
import { readMessages } from './kafka-messages.ts'

/**
 * Compares every field of every version of our messages with the definitions inside Apache Kafka's jars, which Maven
 * brings: the last release of the 3.x line and the newest. `--write` renews the fingerprints that `npm test` compares
 * with, which only happens when all agrees.
 *
 *     node tools/conformance/run.ts [--write]
 */
const { values } = toolArguments(import.meta.url, { write: { type: 'boolean', default: false } })
const releases = ['3.9.2', '4.4.0']
const artifacts = ['kafka-clients', 'kafka-group-coordinator', 'kafka-transaction-coordinator']
/** Share groups' records: 3.9 had not released them. */
const artifactsSince4 = ['kafka-share-coordinator']

const fingerprintsFile = join(projectDir, 'packages/protocol/test/conformance/fingerprints.txt')

const ours = Object.values(protocol).filter((value) => value instanceof Message) as Message[]
const read: Release[] = []
let errorNames: string[] = []
for (const version of releases) {
  const wanted = version.startsWith('3.') ? artifacts : [...artifacts, ...artifactsSince4]
  const folder = `kafka-definitions-${version}`
  await installJars(
    folder,
    wanted.map((artifact) => `org.apache.kafka:${artifact}:${version}`),
  )
  const jars = readdirSync(join(peersDir, folder)).filter((file) => wanted.some((a) => file === `${a}-${version}.jar`))
  read.push({ version, messages: readMessages(jars.map((jar) => join(peersDir, folder, jar))) })
  errorNames = readErrorNames(join(peersDir, folder, `kafka-clients-${version}.jar`))
}

const result = compare(ours, read)
for (const release of read) compareHeaders(result, release)
const ourNames = new Set<string>(Object.keys(ErrorCode))
for (const [i, name] of errorNames.entries()) {
  const code = ErrorCode[name as keyof typeof ErrorCode]
  if (code === i - 1) result.passed++
  else result.drift.push(`error ${name}: ${i - 1}, ours ${code}`)
  ourNames.delete(name)
}
for (const name of ourNames) result.drift.push(`error ${name}: not in Kafka's`)

const text = `${ours.map(fingerprintLine).sort().join('\n')}\n`
if (result.drift.length === 0 && values.write) writeFileSync(fingerprintsFile, text)
else if (result.drift.length === 0 && readFileSync(fingerprintsFile, 'utf8') !== text) {
  result.drift.push('the fingerprints are not those of these definitions: run again with --write')
}
for (const line of result.leftOut) console.log(`left out: ${line}`)
for (const line of result.drift) console.log(`drift: ${line}`)
console.log(`${result.passed} passed, ${result.drift.length} failed, ${result.leftOut.length} left out`)
process.exitCode = result.drift.length === 0 ? 0 : 1
