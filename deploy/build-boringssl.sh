#!/bin/bash
# Builds BoringSSL as Sallyport links it: static, with hidden symbols, in a cache outside the tree.
#
# Debian's own android-libboringssl is a shared object whose 2,075 names are OpenSSL's, unversioned:
# any library in the process that wants libcrypto.so.3 would be bound to it. So we compile the same
# source package ourselves, fast instead of small, and let nobody see its names.
set -euo pipefail

readonly debian_package=android-platform-external-boringssl
readonly debian_version=13.0.0+r24-2
# What Debian 12 serves: a mirror, a proxy or a snapshot that serves something else is refused.
readonly debian_sums="\
7da1c07f669b05f417cbf3e0a784a1a9d844ce138616e02b3a228fc20645ef37  ${debian_package}_13.0.0+r24-2.dsc
583b7aeee1fca68b8244d086cea6fca23bd19d517bd63f0b9de714e048f92a7d  ${debian_package}_13.0.0+r24.orig.tar.xz
f82d14420e2f4153c5e8be888e95a311c6a592806b3a2c64d920a35400dfd038  ${debian_package}_13.0.0+r24-2.debian.tar.xz"
readonly cflags="-O2 -fPIC -fvisibility=hidden -fno-strict-aliasing -fno-omit-frame-pointer -g1 -DNDEBUG -DBORINGSSL_IMPLEMENTATION"

usage() {
  cat <<'USAGE'
Usage: deploy/build-boringssl.sh [--print-root] [--git URL REV]

Builds static libssl.a and libcrypto.a with hidden symbols, once; later calls return at once.
Prints the folder (include/, lib/) as the last line.

  --print-root     only print the folder where the library is or would be; no network, no build
  --git URL REV    build this revision of an upstream checkout instead of Debian's source package, once:
                   a branch that has moved on is not built again until its folder is removed
                   (wants git, cmake and ninja; revisions before 2024 want Go and Perl, too);
                   then configure with -DBORINGSSL_ROOT=FOLDER
  --help           this text

Environment:
  SALLYPORT_CACHE  cache folder (default: $XDG_CACHE_HOME/sallyport or ~/.cache/sallyport)
  CC, CXX          compilers (default: clang-19, clang++-19)
  JOBS             how many files to compile at a time (default: the CPUs)

Without --git the source comes by "apt-get source", through the machine's own apt sources; their
deb-src entries live in a temporary list, so the machine's configuration is not changed.
USAGE
}

say() { printf 'boringssl: %s\n' "$*" >&2; }
die() { printf 'boringssl: error: %s\n' "$*" >&2; exit 1; }

print_root=false
git_url=
git_revision=
while (($#)); do
  case $1 in
    --print-root) print_root=true; shift ;;
    --git)
      (($# >= 3)) || die "--git wants a URL and a revision (see --help)"
      git_url=$2 git_revision=$3
      shift 3 ;;
    --help|-h) usage; exit 0 ;;
    *) die "unknown argument '$1' (see --help)" ;;
  esac
done

machine=$(uname -m)
case $machine in
  x86_64|aarch64) ;;
  arm64) machine=aarch64 ;;
  *) die "no BoringSSL recipe for '$machine', only for x86_64 and aarch64; build one yourself and configure with -DBORINGSSL_ROOT=FOLDER" ;;
esac

cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set: say where to build with SALLYPORT_CACHE=FOLDER}/.cache}/sallyport}/boringssl
if [[ $git_url ]]; then
  version=git-${git_revision//[^A-Za-z0-9._-]/_}
  recipe="git $git_url $git_revision $cflags"
else
  version=$debian_version
  recipe="debian $debian_version $cflags"
fi
readonly root=$cache/$version-$machine

if $print_root; then
  printf '%s\n' "$root"
  exit 0
fi

complete() {
  [[ -f $root/lib/libssl.a && -f $root/lib/libcrypto.a && $(cat "$root/recipe" 2>/dev/null) == "$recipe" ]]
}

if complete; then
  printf '%s\n' "$root"
  exit 0
fi

export CC=${CC:-clang-19} CXX=${CXX:-clang++-19}
readonly jobs=${JOBS:-$(nproc)}

need() {  # need PROGRAM...: each must be on the PATH
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || die "'$program' is missing: run deploy/install-deps.sh first"
  done
}
need "$CC" "$CXX" ar flock

mkdir -p "$cache"
exec 9>"$cache/.lock"
if ! flock -n 9; then
  say "another build holds $cache/.lock: waiting for it"
  flock 9
fi
if complete; then  # the other build was ours
  printf '%s\n' "$root"
  exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-boringssl.XXXXXX")
staged=$(mktemp -d "$cache/.staged.XXXXXX")   # beside the goal, so that the last step is a rename
trap 'rm -rf -- "$work" "$staged"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$staged"

# logged TITLE COMMAND...: runs quietly; when it fails, shows the end of what it said.
logged() {
  local title=$1
  shift
  if ! "$@" >"$work/log" 2>&1; then
    tail -n 30 "$work/log" >&2
    die "$title failed (above: the end of its output)"
  fi
}

fetch_debian_source() {  # into $work/source
  need apt-get apt-config dpkg-source
  local list='' parts='' file
  eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
  mkdir -p "$work/parts" "$work/lists" "$work/download"
  for file in "$list" "$parts"/*.list; do
    [[ -f $file ]] || continue
    sed -nE 's/^[[:space:]]*deb([[:space:]])/deb-src\1/p' "$file" >"$work/parts/$(basename "$file")"
  done
  for file in "$parts"/*.sources; do
    [[ -f $file ]] || continue
    sed -E 's/^[Tt]ypes:.*/Types: deb-src/' "$file" >"$work/parts/$(basename "$file")"
  done
  [[ $(cat "$work"/parts/* 2>/dev/null) ]] ||
    die "this machine has no apt sources in $list or $parts to derive a deb-src entry from"
  local -a apt=(apt-get -q
    -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/parts"
    -o "Dir::State::lists=$work/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
  if ((EUID == 0)) && id _apt >/dev/null 2>&1; then   # apt drops its rights to _apt for downloads
    chmod 755 "$work"
    chown _apt "$work/download"
  fi
  # A foreign source without source packages makes update fail, and doesn't matter if ours is found.
  if ! "${apt[@]}" update >"$work/log" 2>&1; then
    say "apt-get update had complaints; going on"
    grep -E '^(E|W):' "$work/log" >&2 || true
  fi
  cd "$work/download"
  logged "fetching $debian_package $debian_version" \
    "${apt[@]}" source --download-only "$debian_package=$debian_version"
  sha256sum --quiet --check - <<<"$debian_sums" >&2 ||
    die "the source package that apt fetched is not the one that is known here (above: which file differs)"
  cd "$work"
  # Signatures and checksums were apt's work; dpkg-source would ask for the maintainers' keyring.
  logged "unpacking the source" dpkg-source --no-check -x "$work/download/${debian_package}_$debian_version.dsc" "$work/source"
}

build_debian_source() {
  need make
  cd "$work/source"
  cat >"$work/Makefile" <<'MAKE'
include debian/sources.mk

# Perl made the assembler files; without them AES-GCM and P-256 would be an order slower.
crypto := $(filter %.c %.S,$(crypto_sources) $(linux_$(MACHINE)_sources))
ssl := $(filter %.cc,$(ssl_sources))
crypto_objects := $(addprefix $(OUT)/,$(addsuffix .o,$(crypto)))
ssl_objects := $(addprefix $(OUT)/,$(addsuffix .o,$(ssl)))

all: $(OUT)/libcrypto.a $(OUT)/libssl.a
$(OUT)/libcrypto.a: $(crypto_objects)
	ar rcsD $@ $^
$(OUT)/libssl.a: $(ssl_objects)
	ar rcsD $@ $^
$(OUT)/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(FLAGS) -Isrc/include -Isrc/crypto -c -o $@ $<
$(OUT)/%.S.o: %.S
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -Wa,--noexecstack -Isrc/include -c -o $@ $<
$(OUT)/%.cc.o: %.cc
	@mkdir -p $(@D)
	$(CXX) -std=gnu++17 -fno-exceptions -fno-rtti $(FLAGS) -Isrc/include -c -o $@ $<
MAKE
  logged "compiling" make -f "$work/Makefile" -j "$jobs" MACHINE="$machine" OUT="$work/out" FLAGS="$cflags"
  mkdir -p "$staged/include" "$staged/lib"
  cp -r src/include/openssl "$staged/include/"
  cp "$work/out/libcrypto.a" "$work/out/libssl.a" "$staged/lib/"
}

build_git_source() {
  need git cmake ninja
  mkdir "$work/source"
  cd "$work/source"
  git init -q
  # A branch, a tag or a whole commit id can be fetched alone; a short id needs the whole history.
  if git fetch -q --depth 1 "$git_url" "$git_revision" 2>/dev/null; then
    git checkout -q FETCH_HEAD
  else
    logged "git fetch $git_url" git fetch -q "$git_url" '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*'
    git checkout -q "$git_revision" || die "'$git_revision' is no revision of $git_url"
  fi
  say "$git_url at $(git rev-parse HEAD)"
  # Checkouts that hold their generated files (gen/, since 2024) need neither Go nor Perl.
  [[ -d gen ]] || need go perl
  logged "configuring" cmake -G Ninja -S . -B "$work/out" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF \
    -DCMAKE_C_FLAGS="$cflags" -DCMAKE_CXX_FLAGS="$cflags"
  logged "compiling" cmake --build "$work/out" -j "$jobs" --target ssl crypto
  mkdir -p "$staged/include" "$staged/lib"
  cp -r include/openssl "$staged/include/"
  find "$work/out" \( -name libssl.a -o -name libcrypto.a \) -exec cp {} "$staged/lib/" \;
}

# What the promise in the head of this file rests on.
verify() {
  local exported
  exported=$(nm --defined-only --extern-only "$staged"/lib/*.a 2>/dev/null | grep -c ' T SSL_CTX_new$' || true)
  ((exported == 1)) || die "libssl.a does not define SSL_CTX_new: this source is not a BoringSSL we know"
  cat >"$work/probe.c" <<'PROBE'
#include <openssl/ssl.h>
#include <openssl/aead.h>
#ifndef OPENSSL_IS_BORINGSSL
#error "these headers are not BoringSSL's"
#endif
int sallyport_probe(void);
__attribute__((visibility("default"))) int sallyport_probe(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_method());
  const int usable = context != NULL && EVP_has_aes_hardware() >= 0;
  SSL_CTX_free(context);
  return usable ? 0 : 1;
}
PROBE
  # As a shared object: only what is hidden stays out of its dynamic symbols.
  logged "linking a probe" "$CXX" -x c -fPIC -shared -I "$staged/include" "$work/probe.c" -x none \
    "$staged/lib/libssl.a" "$staged/lib/libcrypto.a" -Wl,--exclude-libs,ALL -lpthread -o "$work/probe.so"
  if nm -D --defined-only "$work/probe.so" | grep -v ' sallyport_probe$' | grep -E ' (SSL|EVP|CRYPTO|OPENSSL|X509)_' >&2; then
    die "the names above are visible to other libraries"
  fi
  # Upstream's own build takes care of its assembler files, and renames what is in them.
  if [[ ! $git_url ]] && ! nm "$staged/lib/libcrypto.a" 2>/dev/null | grep -E ' [Tt] aes_hw_encrypt$' >/dev/null; then
    die "the assembler files are missing from libcrypto.a"
  fi
}

if [[ $git_url ]]; then
  say "building $git_revision of $git_url for $machine"
  build_git_source
else
  say "building Debian's $debian_package $debian_version for $machine (a minute or two, once)"
  fetch_debian_source
  build_debian_source
fi
verify
printf '%s\n' "$recipe" >"$staged/recipe"
if [[ -e $root ]]; then   # of an older recipe
  mv "$root" "$work/old"
fi
mv "$staged" "$root"
say "done"
printf '%s\n' "$root"
