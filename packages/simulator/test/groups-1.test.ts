import { test } from 'node:test'
import { passAll, range } from './support/seeds.ts'

test('groups and transactions of seeds 1 to 100 keep every invariant', (t) => passAll(t, range(1, 100), 'groups'))
