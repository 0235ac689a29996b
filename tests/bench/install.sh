#!/bin/bash
# Installs what the benchmark compares sallyport with, and the tools it counts with. Never used by the product.
# No daemon is started by this: run.py starts each as a child of its own, on loopback ports.
set -euo pipefail

readonly cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport}/bench
readonly packages=(haproxy postfix sasl2-bin libsasl2-modules libsasl2-modules-db nodejs npm strace valgrind openssl python3)

die() { printf 'bench: error: %s\n' "$*" >&2; exit 1; }

missing=()
for package in "${packages[@]}"; do
  case $package in
    nodejs|npm) command -v "${package/nodejs/node}" >/dev/null && continue ;;
  esac
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done

if ((${#missing[@]})); then
  ((EUID == 0)) || die "missing: ${missing[*]}; run this as root"
  guard=/usr/sbin/policy-rc.d
  if [[ ! -e $guard ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$guard"   # "action forbidden": packages start no service
    chmod 755 "$guard"
    trap 'rm -f -- "$guard"' EXIT
  fi
  printf 'postfix postfix/main_mailer_type select No configuration\n' | debconf-set-selections
  printf 'bench: installing %s\n' "${missing[*]}" >&2
  apt-get -q update >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
    "${missing[@]}" >/dev/null </dev/null
fi

if [[ ! -x $cache/haraka/node_modules/.bin/haraka ]]; then
  mkdir -p "$cache/haraka"
  printf '{"name": "bench-haraka", "private": true}\n' >"$cache/haraka/package.json"
  npm install --prefix "$cache/haraka" --omit=optional --no-audit --no-fund --loglevel=error Haraka >&2 ||
    printf 'bench: Haraka could not be installed; it is left out\n' >&2
fi
