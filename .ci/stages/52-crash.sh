#!/usr/bin/env bash
# More crash states of the log than `npm test` has time for; `npm run crash -- --states N` for more of them.
exec node tools/crash.ts --states 30000
