#!/usr/bin/env bash
# The fuzzer of `npm test` with more damaged messages of each API, version and direction.
OTTLA_FUZZ_PER_PAIR=5000 exec node tools/test.ts packages/protocol/test/fuzz
