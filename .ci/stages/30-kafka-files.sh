#!/usr/bin/env bash
# Apache Kafka's own tool reads our files, also after kill -9; we adopt a directory that Apache Kafka wrote.
exec node tools/kafka-files/run.ts
