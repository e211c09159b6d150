#!/usr/bin/env bash
# The benchmarks run: some short rows, once. Their figures fail nothing, wrong results do.
exec node benchmarks/run.ts --short --only 'startBroker in a test' --only groups: --only transactions --only ConsumerPerformance \
  --rounds 1 --brokers ottla --plain-memory --out out/ci/bench
