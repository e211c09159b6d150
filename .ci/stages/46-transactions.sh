#!/usr/bin/env bash
# What a transactional producer promises, with both versions of the protocol: our client with our broker, and with Apache Kafka's.
seed=${OTTLA_SEED:-$(date +%s)}
node tools/transactions.ts --broker ottla --seed "$seed" && exec node tools/transactions.ts --broker 4.3.1 --seed "$seed"
