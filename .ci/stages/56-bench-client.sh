#!/usr/bin/env bash
# The benchmark of clients runs, as little of it as shows that each client sends and reads what it should.
exec node benchmarks/client/run.ts --short --rounds 1 --out out/ci/bench-client
