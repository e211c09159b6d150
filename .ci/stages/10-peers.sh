#!/usr/bin/env bash
# Other people's clients and tools, from their registries.
exec node tools/peers/install.ts
