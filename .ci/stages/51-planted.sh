#!/usr/bin/env bash
# Bugs that we plant must be caught by checkers that do not know of them.
exec node tools/planted.ts
