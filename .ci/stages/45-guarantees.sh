#!/usr/bin/env bash
# The programs of examples/ that promise something about records and offsets, killed at 20 points that a new seed draws.
seed=${OTTLA_SEED:-$(date +%s)}
echo "seed $seed; again: OTTLA_KILLS=20 OTTLA_SEED=$seed node --test examples/test/guarantees.test.ts"
output=$(OTTLA_KILLS=20 OTTLA_SEED=$seed node --test --test-reporter=spec examples/test/guarantees.test.ts 2>&1)
code=$?
echo "$output"
passed=$(echo "$output" | grep -Eo 'pass [0-9]+$' | tail -n 1 | grep -Eo '[0-9]+')
failed=$(echo "$output" | grep -Eo 'fail [0-9]+$' | tail -n 1 | grep -Eo '[0-9]+')
echo "guarantees: ${passed:-0} passed, ${failed:-1} failed"
exit "$code"
