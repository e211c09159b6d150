import { suggestionsOf } from './choices.ts'
import { addGlobalOptions, resolveGlobals, takesValue } from './globals.ts'
import { nouns, registry } from './registry.ts'

/** The shell waits: what the broker does not say by then is left out, in ms. */
const BROKER_TIMEOUT_MS = 700

/** What may stand at the last of `words`, one candidate each. */
export async function complete(words: readonly string[]): Promise<string[]> {
  const last = words[words.length - 1] ?? ''
  const before = words.slice(0, -1)
  const previous = before[before.length - 1]
  const plain = before.filter((w, i) => !w.startsWith('-') && !takesValue(before[i - 1] ?? ''))
  const entry = registry.find((e) => e.path.every((word, i) => plain[i] === word))
  if (entry === undefined) {
    const isNoun = plain.length > 0 && Object.hasOwn(nouns, plain[0])
    const at = isNoun ? 1 : 0
    if (plain.length > at) return []
    const names = registry.filter((e) => !isNoun || e.path[0] === plain[0]).map((e) => e.path[at])
    return [...new Set(names)].filter((name) => name?.startsWith(last))
  }
  const { Command } = await import('commander')
  const parser = new Command()
  const { command } = await entry.load()
  command.configure(parser)
  addGlobalOptions(parser, command.shares)
  const option = parser.options.find((o) => o.short === previous || o.long === previous)
  // Where its value stands nothing is said, so that the shell offers files.
  if (option?.required) return suggestionsOf(option).filter((value) => value.startsWith(last))
  if (last.startsWith('-')) {
    const long = parser.options.filter((o) => !o.hidden).map((o) => o.long as string)
    return [...long, '--help'].filter((o) => o.startsWith(last))
  }
  const { completes = [] } = command
  const candidates = typeof completes === 'string' ? await namesOf(completes, before) : completes
  return candidates.filter((candidate) => candidate.startsWith(last))
}

/** What the cluster has of them now. */
async function namesOf(what: 'topics' | 'groups' | 'transactions', words: readonly string[]): Promise<string[]> {
  const { Command } = await import('commander')
  const parser = new Command().allowUnknownOption().allowExcessArguments().exitOverride()
  addGlobalOptions(parser)
  parser.parse([...words], { from: 'user' })
  const { Kafka } = await import('@ottla/client')
  const kafka = new Kafka({
    bootstrap: resolveGlobals(parser.opts(), process.env).bootstrap,
    bootstrapTimeoutMs: BROKER_TIMEOUT_MS,
    connectTimeoutMs: BROKER_TIMEOUT_MS,
    requestTimeoutMs: BROKER_TIMEOUT_MS,
    apiTimeoutMs: BROKER_TIMEOUT_MS,
  })
  try {
    switch (what) {
      case 'topics':
        return (await kafka.admin.listTopics()).map((t) => t.name)
      case 'groups':
        return (await kafka.admin.listGroups()).groups.map((g) => g.groupId)
      case 'transactions':
        return (await kafka.admin.listTransactions()).transactions.map((t) => t.transactionalId)
    }
  } finally {
    await kafka.close()
  }
}
