#!/usr/bin/env bash
# Every field of every version against the definitions inside Apache Kafka's own jars.
exec node tools/conformance/run.ts
