#!/bin/bash
# Builds build/release/sallyport from a bare Debian 12 up.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: deploy/build.sh [--no-install]

Installs what is missing, builds BoringSSL once (in a cache outside the tree), then
build/release/sallyport: -O2, ThinLTO, hardened.

  --no-install  install no packages

Environment:
  BORINGSSL_ROOT  a BoringSSL to link in place of Debian's snapshot: what
                  deploy/build-boringssl.sh --git printed (docs/security.md)
  --help        this text
USAGE
}

install=true
while (($#)); do
  case $1 in
    --no-install) install=false ;;
    --help|-h) usage; exit 0 ;;
    *) printf "build: error: unknown argument '%s' (see --help)\n" "$1" >&2; exit 1 ;;
  esac
  shift
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if $install; then
  deploy/install-deps.sh build
fi
boringssl_root=${BORINGSSL_ROOT:-$(deploy/build-boringssl.sh)}
# What cmake found is of interest only when it didn't find something.
if ! configured=$(cmake --preset release -DBORINGSSL_ROOT="$boringssl_root" 2>&1); then
  printf '%s\n' "$configured" >&2
  exit 1
fi
cmake --build --preset release --target sallyport >&2
printf '%s\n' "$PWD/build/release/sallyport"
