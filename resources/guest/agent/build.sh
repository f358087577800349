#!/bin/sh
# Builds the static agent: build.sh OUTDIR [arch...] makes OUTDIR/berth-agent-ARCH for 386, amd64 and arm64, or those named.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "$0")"
for arch in ${*:-386 amd64 arm64}; do
  CGO_ENABLED=0 GOOS=linux GOARCH="$arch" go build -trimpath -ldflags '-s -w' -o "$out/berth-agent-$arch" .
done
