#!/usr/bin/env bash
# A broker and its clients under the seeded scheduler: fixed seeds; `npm run sim -- --seeds N --from SEED` runs fresh ones.
exec node tools/sim.ts --seeds 400 --from 100000
