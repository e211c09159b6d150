import { int } from '../property.ts'

/** Properties of one group with the consumer protocol (KIP-848, `GroupConfig`). Where it sets none, the broker's key holds. */
// biome-ignore format: a table, two lines a property
export const groupProperties = {
  'consumer.session.timeout.ms': int(45000, 'medium', { min: 1 },
    'Time in ms without a heartbeat after which a member is out.'),
  'consumer.heartbeat.interval.ms': int(5000, 'medium', { min: 1 },
    'Time in ms between two heartbeats of a member.'),
} as const
