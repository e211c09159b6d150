import { readFileSync } from 'node:fs'
import { unzip } from './zip.ts'

const ERRORS_CLASS = 'org/apache/kafka/common/protocol/Errors.class'
/** Access flag of a field that is a constant of its enum. */
const ENUM_CONSTANT = 0x4000

/** The constants of Kafka's `Errors` in the order in which they are declared, which is that of their codes from -1 on. */
export function readErrorNames(jar: string): string[] {
  for (const [, content] of unzip(readFileSync(jar), (name) => name === ERRORS_CLASS)) return enumConstants(content)
  throw new Error(`${jar} has no ${ERRORS_CLASS}`)
}

/** Names of an enum's constants, from its class file (Java Virtual Machine Specification, chapter 4). */
function enumConstants(file: Buffer): string[] {
  const { texts, end } = constantPool(file)
  // Access flags, class and superclass, then the interfaces.
  let at = end + 6
  at += 2 + 2 * file.readUInt16BE(at)
  const names: string[] = []
  const fields = file.readUInt16BE(at)
  at += 2
  for (let i = 0; i < fields; i++) {
    if (file.readUInt16BE(at) & ENUM_CONSTANT) names.push(texts.get(file.readUInt16BE(at + 2))!)
    let attributes = file.readUInt16BE(at + 6)
    at += 8
    for (; attributes > 0; attributes--) at += 6 + file.readUInt32BE(at + 2)
  }
  return names
}

/** The UTF-8 entries by index, and where the pool ends. */
function constantPool(file: Buffer): { readonly texts: ReadonlyMap<number, string>; readonly end: number } {
  const texts = new Map<number, string>()
  const count = file.readUInt16BE(8)
  let at = 10
  for (let i = 1; i < count; i++) {
    const tag = file[at]
    switch (tag) {
      case 1: {
        const length = file.readUInt16BE(at + 1)
        texts.set(i, file.toString('utf8', at + 3, at + 3 + length))
        at += 3 + length
        break
      }
      case 7:
      case 8:
      case 16:
      case 19:
      case 20:
        at += 3
        break
      case 15:
        at += 4
        break
      case 5:
      case 6:
        at += 9
        i++
        break
      default:
        at += 5
    }
  }
  return { texts, end: at }
}
