#!/usr/bin/env bash
# The published form, last: packed, installed into an empty folder on the oldest Node, used as a user would.
exec node tools/packed/run.ts --node 22.18.0
