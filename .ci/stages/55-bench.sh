#!/usr/bin/env bash
# The benchmarks run: one short row, once. Its figures fail nothing.
exec node benchmarks/run.ts --only 'startBroker in a test' --rounds 1 --brokers ottla --plain-memory --out out/ci/bench
