#!/usr/bin/env bash
# More crash states of the log than `npm test` has time for.
exec node tools/crash.ts --states 60000
