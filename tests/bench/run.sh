#!/bin/bash
# Measures sallyport beside its peers and writes the tables of docs/performance.md. --help says more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

for word in "$@"; do
  [[ $word != --help && $word != -h ]] || exec python3 tests/bench/run.py --help
done
deploy/install-deps.sh build
tests/bench/install.sh
deploy/build-boringssl.sh >/dev/null
cmake --preset bench >/dev/null
cmake --build --preset bench --target sallyport bench_load bench_sink
ulimit -S -n "$(ulimit -H -n)"   # the scenario "idle" wants 5,000 connections at each end
exec python3 tests/bench/run.py "$@"
