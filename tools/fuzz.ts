import { fuzz } from '../packages/protocol/test/fuzz/fuzz.ts'
import { allMessages, versionsOf } from '../packages/protocol/test/messages/all.ts'
import { refuse, toolArguments, wholeNumber } from './arguments.ts'

/**
 * Decodes mutations of valid messages, the same ones for the same seed:
 *
 *     node tools/fuzz.ts [--seed N] [--per N] [--api NAME]
 *
 * `--per` is the number for each message in each version, 5,000 unless given; `--api` picks messages whose names begin
 * so, such as `Fetch` or `FetchRequest`. Without a seed it takes a fresh one and prints it.
 */
const { values } = toolArguments(import.meta.url, {
  seed: { type: 'string' },
  per: { type: 'string', default: '5000' },
  api: { type: 'string', default: '' },
})
const seed = values.seed === undefined ? Date.now() % 2 ** 32 : wholeNumber('seed', values.seed)
const perPair = wholeNumber('per', values.per, 1)
const messages = allMessages.filter((message) => message.name.startsWith(values.api))
if (messages.length === 0) refuse(`no message is named ${values.api}…`)

console.log(`seed ${seed}`)
Error.stackTraceLimit = 0
let decoded = 0
let refused = 0
let failures = 0
for (const message of messages) {
  for (const version of versionsOf(message)) {
    const outcome = fuzz(message, version, seed, perPair)
    decoded += outcome.decoded
    refused += outcome.refused
    failures += outcome.failures.length
    for (const failure of outcome.failures) console.log(`${message.name} version ${version}: ${failure}`)
  }
}
console.log(`${decoded + refused} inputs, ${decoded} decoded, ${refused} refused, ${failures} failed`)
process.exitCode = failures === 0 ? 0 : 1
