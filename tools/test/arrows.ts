import path from 'node:path'
import { lineOf, moduleNames, scanSource } from './source-scan.ts'

/** Which rooms a room may import (docs/ARCHITECTURE.md). A room that is not listed may not exist. */
const engineRooms = ['runtime', 'protocol', 'net', 'storage', 'coordinator', 'replication', 'cluster', 'zookeeper']
const allButEnds = [...engineRooms, 'broker', 'client', 'kafkajs', 'streams', 'testkit', 'simulator']
export const arrows: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  protocol: [],
  net: ['runtime', 'protocol'],
  zookeeper: ['runtime', 'protocol'],
  storage: ['runtime', 'protocol'],
  coordinator: ['protocol'],
  replication: ['protocol'],
  cluster: ['protocol', 'zookeeper', 'runtime'],
  client: ['net', 'protocol', 'runtime'],
  kafkajs: ['client'],
  streams: ['client', 'protocol', 'runtime'],
  broker: engineRooms,
  cli: ['client', 'broker', 'streams', 'storage', 'protocol', 'runtime'],
  console: ['client'],
  simulator: allButEnds,
  testkit: allButEnds,
}

/** Rooms, and single files, that may touch time, disk, sockets and randomness. */
const roomsWithWorld = new Set(['runtime', 'cli', 'testkit'])
const filesWithWorld = new Set(['packages/streams/src/state/lmdb.ts'])

const worldModules = new Set(
  'child_process cluster dgram dns dns/promises fs fs/promises http http2 https net perf_hooks timers timers/promises tls worker_threads'.split(
    ' ',
  ),
)

/** What stands for time and randomness in code, each with the name it is reported by. */
const worldGlobals: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w$.])Date\s*(?:\?\.|\.)\s*now\b/g, 'Date.now'],
  [/\bnew\s+Date\s*(?:\(\s*\)|(?![\s(.\w$]))/g, 'new Date()'],
  [/(?<![\w$.]|new\s{1,9})Date\s*\(/g, 'Date()'],
  [/(?<![\w$.])Date\s*\[|[=(,]\s*Date\s*[;,)\n]/g, 'Date as a value'],
  [/(?<![\w$.#])performance\s*(?:\?\.|\.|\[)/g, 'performance'],
  [/(?<![\w$.#])(?:setTimeout|setInterval|setImmediate)\s*(?:\(|[;,)\n]|\.)/g, 'a timer of the global object'],
  [/\bAbortSignal\s*\.\s*timeout\b/g, 'AbortSignal.timeout'],
  [/\bMath\s*\.\s*random\b/g, 'Math.random'],
  [/(?<![\w$])crypto\s*\.\s*(?:random\w*|getRandomValues|webcrypto)\b/g, 'crypto randomness'],
  [
    /(?<![\w$.#])(?:randomBytes|randomUUID|randomInt|randomFill(?:Sync)?|getRandomValues)\b(?!\s*[:?])/g,
    'crypto randomness',
  ],
  [/\bprocess\s*\.\s*hrtime\b/g, 'process.hrtime'],
  [
    /\b(?:globalThis|global|self|window)\s*(?:\?\.|\.)\s*(?:Date|performance|setTimeout|setInterval|setImmediate|crypto)\b/g,
    'a global of time or randomness',
  ],
]

export interface Package {
  /** Name of its folder under `packages/`. */
  readonly room: string
  /** External packages and rooms its package.json lets it use; `undefined` where nobody installs it. */
  readonly dependencies: ReadonlySet<string> | undefined
}

function roomNamed(specifier: string): string | undefined {
  if (specifier === 'ottla' || specifier.startsWith('ottla/')) return 'cli'
  return /^@ottla\/([^/]+)/.exec(specifier)?.[1]
}

/** `@scope/name/deep` is looked up as `@scope/name`. */
function isDeclared(specifier: string, owner: Package): boolean {
  const parts = specifier.split('/')
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  return owner.dependencies?.has(name) ?? true
}

function builtinNamed(specifier: string): string | undefined {
  const bare = specifier.startsWith('node:') ? specifier.slice(5) : specifier
  return worldModules.has(bare) ? bare : undefined
}

/**
 * What one file of a room's own code does against the rules, as `file:line: what`. `file` is the path from the root
 * of the repository, with forward slashes.
 */
export function violationsIn(file: string, source: string, owner: Package): string[] {
  const found: string[] = []
  const scanned = scanSource(source)
  const report = (offset: number, what: string): void => {
    found.push(`${file}:${lineOf(source, offset)}: ${what}`)
  }
  const allowed = arrows[owner.room]
  if (allowed === undefined) return [`${file}:1: there is no room called ${owner.room}`]
  const ownFolder = `packages/${owner.room}/`
  const hasWorld = roomsWithWorld.has(owner.room) || filesWithWorld.has(file)
  const names = moduleNames(scanned)

  for (const { start, value } of names) {
    const room = roomNamed(value)
    if (value.startsWith('.')) {
      const target = path.posix.join(path.posix.dirname(file), value)
      if (!target.startsWith(ownFolder)) report(start, `reaches out of its package: ${value}`)
      else if (target.startsWith(`${ownFolder}test/`)) report(start, `code imports a test: ${value}`)
    } else if (room !== undefined) {
      if (room === owner.room) continue
      if (!allowed.includes(room)) report(start, `${owner.room} may not import ${room}`)
      else if (!isDeclared(value, owner)) report(start, `${value} is not in the dependencies of package.json`)
    } else if (builtinNamed(value) !== undefined) {
      if (!hasWorld) report(start, `${owner.room} may not import ${value}; it is handed a port of the runtime`)
    } else if (!/^(?:node:|#|$)/.test(value) && !isDeclared(value, owner)) {
      report(start, `${value} is not in the dependencies of package.json`)
    }
  }
  if (hasWorld) return found

  // A module's full name in any other string is a way round: createRequire, import of a variable.
  for (const literal of scanned.literals) {
    if (!names.includes(literal) && literal.value.startsWith('node:') && builtinNamed(literal.value) !== undefined) {
      report(literal.start, `names ${literal.value} outside of an import`)
    }
  }
  for (const [pattern, name] of worldGlobals) {
    for (const match of scanned.code.matchAll(pattern)) {
      report(
        match.index + match[0].search(/[\w$]/),
        `${owner.room} may not use ${name}; it is handed a port of the runtime`,
      )
    }
  }
  return found
}

/** Programs that users copy, and that stand for users, know a package by its name only. */
export function violationsOfOutsider(file: string, source: string): string[] {
  const found: string[] = []
  for (const { start, value } of moduleNames(scanSource(source))) {
    if (!value.startsWith('.')) continue
    const target = path.posix.join(path.posix.dirname(file), value)
    if (target.startsWith('packages/')) {
      found.push(`${file}:${lineOf(source, start)}: uses the inside of a package: ${value}`)
    }
  }
  return found
}
