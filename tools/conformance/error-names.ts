import { readFileSync } from 'node:fs'
import { unzip } from './zip.ts'

/** Constants that are no errors. */
const tables = new Set(['CODE_TO_ERROR', 'CLASS_TO_ERROR'])
const ERRORS_CLASS = 'org/apache/kafka/common/protocol/Errors.class'

/** The names of the constants of Kafka's `Errors`, from the class file's constant pool. */
export function readErrorNames(jar: string): Set<string> {
  for (const [, content] of unzip(readFileSync(jar), (name) => name === ERRORS_CLASS)) {
    return new Set(constantTexts(content).filter((text) => /^[A-Z][A-Z0-9_]+$/.test(text) && !tables.has(text)))
  }
  throw new Error(`${jar} has no ${ERRORS_CLASS}`)
}

/** The UTF-8 entries of a class file's constant pool (Java Virtual Machine Specification, 4.4). */
function constantTexts(file: Buffer): string[] {
  const texts: string[] = []
  const count = file.readUInt16BE(8)
  let at = 10
  for (let i = 1; i < count; i++) {
    const tag = file[at]
    switch (tag) {
      case 1: {
        const length = file.readUInt16BE(at + 1)
        texts.push(file.toString('utf8', at + 3, at + 3 + length))
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
  return texts
}
