import { admin } from './admin.ts'
import { commits } from './commits.ts'
import { groups } from './groups.ts'
import { lostResponses } from './lost-responses.ts'
import { records } from './records.ts'
import type { Scenario } from './scenario.ts'
import { transactions } from './transactions.ts'

/** In the order of the table. */
export const scenarios: readonly Scenario[] = [
  ...records,
  admin,
  ...lostResponses,
  ...groups,
  ...commits,
  ...transactions,
]
