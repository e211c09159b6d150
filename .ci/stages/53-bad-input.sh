#!/usr/bin/env bash
# Every bad input to one broker process, twice, then crowds of connections: outcomes and memory. Turns are shown only.
exec node tools/bad-input.ts --only-show-turns
