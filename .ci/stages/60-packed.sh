#!/usr/bin/env bash
# The published form, last: packed, installed into an empty folder on the oldest and the newest Node, used as a user would.
exec node tools/packed/run.ts
