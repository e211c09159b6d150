#!/usr/bin/env bash
# A broker and its clients, killed and paused for a minute as a new seed draws; `npm run chaos:single -- --minutes N` for longer.
exec node tools/chaos/run.ts --minutes 1
