#!/usr/bin/env bash
# Other people's clients against our broker; outcomes are compared with those recorded from Apache Kafka.
exec node interop/run.ts --only-ottla
