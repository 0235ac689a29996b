#!/bin/bash
# Installs the Debian packages Sallyport needs, and nothing when nothing is missing.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: deploy/install-deps.sh [build|test|run|demo]... [--list]

  build    what deploy/build.sh and deploy/build-boringssl.sh need (default)
  test     build, and what tests/run.sh needs
  demo     build, and what deploy/quickstart.sh needs
  run      the shared libraries of a finished binary, nothing else
  --list   only print the packages, one a line
  --help   this text

Made for Debian 12. Quick when everything is there; else it wants root, or sudo.
USAGE
}

# shellcheck disable=SC2034 # the lists are read by name, below
# One package a line with its reason, so that one can be taken out when its reason goes.
readonly -a build_packages=(
  clang-19              # the compiler; brings libstdc++ 12 and binutils (ar, nm)
  lld-19                # the linker of every preset
  llvm-19               # llvm-ar and llvm-ranlib for ThinLTO, llvm-symbolizer for reports
  cmake
  ninja-build
  pkg-config
  libuv1-dev            # proxy/runtime: the event loop
  libc-ares-dev         # proxy/runtime: names are looked up on the loop
  libtomlplusplus-dev   # proxy/config
  prometheus-cpp-dev    # metrics
  libfmt-dev            # everywhere: libstdc++ 12 has no <format>
  libargon2-dev         # auth
  libgsasl-dev          # proxy/sasl: SCRAM of clients, SCRAM and CRAM-MD5 towards upstreams
  libcurl4-openssl-dev  # proxy/http: access tokens; prometheus-cpp-dev brings this flavour and no other
  nlohmann-json3-dev    # proxy/http: what token servers answer; headers only
  libcrypt-dev          # auth: bcrypt, yescrypt and SHA-crypt, which password files of others hold
  libcli11-dev          # proxy/main
  dpkg-dev              # build-boringssl.sh: apt-get source, dpkg-source, patch, make
  ca-certificates       # build-boringssl.sh, where apt's sources are https
)
readonly -a demo_packages=(
  "${build_packages[@]}"
  curl                  # sends the mail, reads the metrics
  openssl               # makes the throw-away CA
)
# shellcheck disable=SC2034
readonly -a test_packages=(
  "${demo_packages[@]}"
  libclang-rt-19-dev    # sanitizers and libFuzzer
  clang-format-19
  clang-tidy-19
  libgtest-dev
  libgmock-dev
  git                   # which files run.sh checks
  python3               # integration and interop tests
  python3-yaml          # tests/deploy reads what helm rendered
  swaks                 # interop
  gsasl                 # integration.scram: a client of others that knows SCRAM
  libnet-ssleay-perl    # swaks' TLS
  libio-socket-inet6-perl
  netbase               # /etc/protocols, which swaks' sockets want
  msmtp                 # interop
  nodejs                # interop: nodemailer
  node-nodemailer
  php-cli               # interop: PHPMailer
  libphp-phpmailer
  testssl.sh            # interop: scanners
  bsdextrautils         # hexdump, for testssl.sh (else apt takes bsdmainutils)
  nmap                  # interop: scanners
  shellcheck
  valgrind              # callgrind: what a message costs (tests/bench/instructions.py)
)
# shellcheck disable=SC2034
readonly -a run_packages=(
  ca-certificates       # the roots that upstreams' certificates are verified against
  libuv1
  libc-ares2
  libfmt9
  libargon2-1
  libgsasl18
  libcurl4
  libcrypt1
  libprometheus-cpp-core1.0
)

say() { printf 'install-deps: %s\n' "$*" >&2; }
die() { printf 'install-deps: error: %s\n' "$*" >&2; exit 1; }

sets=()
list=false
while (($#)); do
  case $1 in
    build|test|run|demo) sets+=("$1") ;;
    --list) list=true ;;
    --help|-h) usage; exit 0 ;;
    *) die "unknown argument '$1' (see --help)" ;;
  esac
  shift
done
((${#sets[@]})) || sets=(build)

declare -A wanted=()
for set in "${sets[@]}"; do
  declare -n packages="${set}_packages"
  for package in "${packages[@]}"; do wanted[$package]=1; done
done
mapfile -t wanted_sorted < <(printf '%s\n' "${!wanted[@]}" | sort)

if $list; then
  printf '%s\n' "${wanted_sorted[@]}"
  exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  die "this is no Debian; install the equivalents of: ${wanted_sorted[*]}"
fi

installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted_sorted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted_sorted[@]}"; do
  grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || die "missing: ${missing[*]}; run this as root"
  as_root=(sudo)
fi
say "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f -- "$log"' EXIT

# Held back until it fails: a bare machine prints some hundred lines nobody wants.
run() {
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    die "'$*' failed (above: the end of its output)"
  fi
}
run apt-get -q update
run apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"
say "done"
