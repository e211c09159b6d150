#!/usr/bin/env bash
# Our client proves who it is, and whom it talks to, with Apache Kafka: TLS, SASL, and saying it again.
exec node tools/security.ts
