#!/usr/bin/env bash
# The same with groups and transactions.
exec node tools/sim.ts --workload groups --seeds 400 --from 100000
