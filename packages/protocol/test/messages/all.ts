import * as protocol from '@ottla/protocol'
import { Message } from '@ottla/protocol'

export const allMessages = Object.values(protocol).filter((value) => value instanceof Message) as Message[]

export function versionsOf(message: Message): number[] {
  const { min, max } = message.versions
  return Array.from({ length: max - min + 1 }, (_, i) => min + i)
}
