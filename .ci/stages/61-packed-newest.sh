#!/usr/bin/env bash
# The published form on the newest Node; the folder is there afterwards, as asked for.
told=$(mktemp)
trap 'rm -f "$told"' EXIT
node tools/packed/run.ts --node 26.10.0 --keep | tee "$told"
code=${PIPESTATUS[0]}
folder=$(sed -n 's/^left in //p' "$told")
if [ ! -d "$folder" ]; then
  echo "no folder was left: $folder"
  exit 1
fi
rm -rf "$folder"
exit "$code"
