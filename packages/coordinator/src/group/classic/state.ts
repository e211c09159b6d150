/**
 * The states of a classic group (`ClassicGroupState` in Apache Kafka).
 *
 * ```
 *              a member joins, leaves or expires; the leader rejoins; metadata changes
 *      ┌───────────────────────────────┬──────────────────────────────────┐
 *      ▼                               │                                  │
 *  PreparingRebalance ──all joined──▶ CompletingRebalance ──assigned──▶ Stable
 *      ▲        │
 *      │        └──nobody left──▶ Empty ──deleted, or expired──▶ Dead
 *      └──first member joins────────┘
 * ```
 *
 * | event                   | Empty              | PreparingRebalance     | CompletingRebalance        | Stable                | Dead |
 * |---|---|---|---|---|---|
 * | new member joins        | PreparingRebalance | waits with the others  | PreparingRebalance         | PreparingRebalance    | COORDINATOR_NOT_AVAILABLE |
 * | member joins again      | UNKNOWN_MEMBER_ID  | waits with the others  | same metadata: same answer | follower with the same metadata: same answer; else PreparingRebalance | same |
 * | sync                    | UNKNOWN_MEMBER_ID  | REBALANCE_IN_PROGRESS  | waits; the leader's: Stable | its assignment       | same |
 * | heartbeat               | UNKNOWN_MEMBER_ID  | REBALANCE_IN_PROGRESS  | NONE                       | NONE                  | same |
 * | leave, session over     | UNKNOWN_MEMBER_ID  | the others may be complete | PreparingRebalance     | PreparingRebalance    | same |
 * | rebalance timeout       | -                  | without those missing: CompletingRebalance or Empty | without those missing: PreparingRebalance | - | - |
 * | commit by a member      | ILLEGAL_GENERATION | taken                  | REBALANCE_IN_PROGRESS      | taken                 | same |
 * | commit from outside     | taken              | UNKNOWN_MEMBER_ID      | UNKNOWN_MEMBER_ID          | UNKNOWN_MEMBER_ID     | same |
 */
export type ClassicState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** Where each state may be entered from. */
const predecessors: Readonly<Record<ClassicState, readonly ClassicState[]>> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Stable', 'PreparingRebalance', 'CompletingRebalance', 'Empty', 'Dead'],
}

export function mayFollow(to: ClassicState, from: ClassicState): boolean {
  return predecessors[to].includes(from)
}
