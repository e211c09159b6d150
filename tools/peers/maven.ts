import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Installed, installOnce, peersDir, run } from './folders.ts'

/** A Maven coordinate, `group:artifact:version`. */
export type Coordinate = string

function pom(coordinates: Coordinate[]): string {
  const dependencies = coordinates.map((coordinate) => {
    const [groupId, artifactId, version] = coordinate.split(':')
    return (
      `    <dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId>` +
      `<version>${version}</version></dependency>`
    )
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ottla.peers</groupId>
  <artifactId>peers</artifactId>
  <version>1</version>
  <dependencies>
${dependencies.join('\n')}
  </dependencies>
</project>
`
}

/** Copies the artifacts, and what they need at run time, into `.peers/<name>`. */
export function installJars(name: string, coordinates: Coordinate[]): Promise<Installed> {
  return installOnce(name, { coordinates }, async (dir) => {
    const file = join(dir, 'pom.xml')
    writeFileSync(file, pom(coordinates))
    const args = ['-q', '-B', '-ntp', '-f', file, 'dependency:copy-dependencies', '-DincludeScope=runtime']
    await run('mvn', [...args, `-DoutputDirectory=${dir}`])
  })
}

/** The jars in `.peers/<name>` as a Java class path. */
export function classPath(name: string): string {
  const dir = join(peersDir, name)
  return readdirSync(dir)
    .filter((file) => file.endsWith('.jar'))
    .sort()
    .map((file) => join(dir, file))
    .join(':')
}
