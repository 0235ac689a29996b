#!/bin/bash
# Installs what is missing, builds with sanitizers, runs every test.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: tests/run.sh [--preset dev|tsan] [--chaos] [--fuzz SECONDS] [--known-seeds] [--format] [--tidy] [--instructions] [--all] [-R REGEX]

Without options: builds the preset dev (ASan and UBSan) and runs its whole suite.

  --preset NAME    run the suite of this preset: dev, or tsan with what has several threads; may be given twice
  --chaos          only the chaos suite, a minute each scenario (10 s each in the whole suite)
  --fuzz SECONDS   build the fuzz targets of the preset dev and run each this long, on from what earlier runs found
  --known-seeds    fuzz from the seeds of the tree alone, always in the same order, 50,000 runs at most: what
                   one machine found nothing in, another one finds nothing in
  --format         hold every file against .clang-format
  --tidy           run clang-tidy on every file that changed since it last passed
  --instructions   build the preset bench (the release build) and hold what a message costs, in instructions,
                   against tests/bench/instructions.json
  --all            what CI runs: --preset dev --preset tsan --fuzz 20 --known-seeds --format --tidy --instructions
  -R REGEX         of the suite, only tests whose name matches (as ctest takes it)
  --no-install     install no packages
  --help           this text

The last line says how many tests passed and failed; a fuzz target and a style check count as one.
Exit code: 0 when nothing failed.

Environment:
  SALLYPORT_CACHE  where BoringSSL, fuzz corpora and clang-tidy's passes are kept
                   (default: $XDG_CACHE_HOME/sallyport or ~/.cache/sallyport)
  JOBS             how much runs at a time (default: the CPUs)
USAGE
}

say() { printf '== %s\n' "$*"; }
die() { printf 'tests/run.sh: error: %s\n' "$*" >&2; exit 2; }

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly jobs=${JOBS:-$(nproc)}
readonly cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport}
presets=()
fuzz_seconds=0
known_seeds=false
format=false
tidy=false
instructions=false
install=true
only=()
while (($#)); do
  case $1 in
    --preset)
      [[ ${2:-} == dev || ${2:-} == tsan ]] || die "--preset wants dev or tsan"
      presets+=("$2"); shift ;;
    --fuzz)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "--fuzz wants a number of seconds"
      fuzz_seconds=$2; shift ;;
    --chaos) export SALLYPORT_CHAOS_SECONDS=60; only=(-R "^chaos$") ;;
    --known-seeds) known_seeds=true ;;
    --format) format=true ;;
    --tidy) tidy=true ;;
    --instructions) instructions=true ;;
    --all) presets=(dev tsan); fuzz_seconds=20; known_seeds=true; format=true; tidy=true; instructions=true ;;
    -R) [[ ${2:-} ]] || die "-R wants a regular expression"; only=(-R "$2"); shift ;;
    --no-install) install=false ;;
    --help|-h) usage; exit 0 ;;
    *) die "unknown argument '$1' (see --help)" ;;
  esac
  shift
done
if ((${#presets[@]} == 0 && fuzz_seconds == 0)) && ! $format && ! $tidy && ! $instructions; then
  presets=(dev)
fi

# Not every chroot and container has the file that Debian's installer writes.
getent hosts localhost >/dev/null ||
  die "this machine does not know the name localhost: say '127.0.0.1 localhost' in /etc/hosts"
if $install; then
  deploy/install-deps.sh test
fi
deploy/build-boringssl.sh >/dev/null

passed=0
failed=0
failures=()
scratch=$(mktemp -d)
mkdir "$scratch/why"   # a file for each fuzz target that found something: said again at the end
trap 'rm -rf -- "$scratch"' EXIT

count() {  # count NAME STATUS
  if (($2 == 0)); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    failures+=("$1")
  fi
}

# configure PRESET: quiet unless it fails.
configure() {
  if ! cmake --preset "$1" >"$scratch/configure" 2>&1; then
    cat "$scratch/configure" >&2
    return 1
  fi
}

suite() {  # suite PRESET
  local preset=$1 began=$SECONDS status=0 total bad
  say "$preset: build"
  if ! configure "$preset" || ! cmake --build --preset "$preset" -j "$jobs"; then
    count "$preset: build" 1
    return
  fi
  say "$preset: built in $((SECONDS - began)) s; tests"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$jobs" \
    "${only[@]}" 2>&1 | tee "$scratch/ctest" || status=$?
  # ctest says: "97% tests passed, 1 tests failed out of 33".
  if [[ $(cat "$scratch/ctest") =~ ([0-9]+)\ tests\ failed\ out\ of\ ([0-9]+) ]]; then
    # What can't be compared on this machine says so: it counts as passed, but not in silence.
    sed -n 's/^.*Test *#[0-9]*: \([^ ]*\) .*\*\*\*Skipped.*$/skipped: \1/p' "$scratch/ctest"
    bad=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
    passed=$((passed + total - bad))
    failed=$((failed + bad))
    ((bad == 0)) || failures+=("$preset: $bad of ctest's (named above)")
    ((bad > 0 || status == 0)) || count "$preset: ctest ended with $status" 1
  else
    count "$preset: ctest ended with $status" 1
  fi
}

fuzz_one() {  # fuzz_one TARGET SECONDS: one target, with its seeds and what earlier runs found
  local target=$1 name=${1##*/} corpus folder status=0
  corpus=$cache/fuzz/$name
  local crashes=build/dev/crashes/
  local -a inputs=() options=() in_order=()
  mkdir -p "$scratch/fuzz" "$crashes"
  # Seeds of its own, those that the build made for it, and the transcripts as they are.
  for folder in "tests/fuzz/seeds/${name#fuzz_}" "build/dev/seeds/${name#fuzz_}" tests/transcripts; do
    [[ -d $folder ]] && inputs+=("$folder")
  done
  # CI judges the commit, not the luck of the hour: it doesn't go on from where others stopped, it reads
  # the seeds in an order that no file system decides, and it makes no more runs than were tried before.
  if $known_seeds; then
    corpus=$scratch/fuzz/$name
    find "${inputs[@]}" -type f | LC_ALL=C sort | paste -sd, >"$scratch/fuzz/$name.seeds"
    inputs=()
    options=(-seed=1 -reload=0 -runs=50000 "-seed_inputs=@$scratch/fuzz/$name.seeds")
    # Addresses are numbers that are compared, too. A container may forbid to have them fixed.
    ! setarch -R true 2>/dev/null || in_order=(setarch -R)
  fi
  mkdir -p "$corpus"
  [[ -f tests/fuzz/smtp.dict ]] && options+=(-dict=tests/fuzz/smtp.dict)
  "${in_order[@]}" "$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -max_len=32768 \
    -print_final_stats=1 "${options[@]}" -artifact_prefix="$crashes$name-" "$corpus" "${inputs[@]}" >"build/dev/$name.log" 2>&1 || status=$?
  if ((status == 0)); then
    printf '%s: %s\n' "$name" \
      "$(sed -nE 's/^stat::number_of_executed_units: *//p' "build/dev/$name.log") runs, nothing found"
  else
    printf '%s: FAILED\n' "$name"
    tail -n 40 "build/dev/$name.log" | tee "$scratch/why/$name"
  fi
  return "$status"
}

fuzz() {
  local target pid status
  say "fuzz: build"
  # Not "all": that is the whole test suite, too.
  local -a targets=()
  if configure dev; then
    mapfile -t targets < <(ninja -C build/dev -t targets all | sed -nE 's/^(fuzz_[a-z0-9_]+): .*/\1/p' | sort)
  else
    count "fuzz: configure" 1
    return
  fi
  if ((${#targets[@]} == 0)); then
    count "fuzz: tests/fuzz defines no target" 1
    return
  fi
  if ! cmake --build --preset dev -j "$jobs" --target "${targets[@]}"; then
    count "fuzz: build" 1
    return
  fi
  say "fuzz: ${#targets[@]} targets, $fuzz_seconds s each"
  local -A running=()   # pid -> target
  wait_for_one() {
    status=0
    wait -n -p pid "${!running[@]}" || status=$?
    count "fuzz: ${running[$pid]}" "$status"
    unset "running[$pid]"
  }
  for target in "${targets[@]}"; do
    ((${#running[@]} < jobs)) || wait_for_one
    fuzz_one "build/dev/$target" "$fuzz_seconds" &
    running[$!]=$target
  done
  while ((${#running[@]})); do wait_for_one; done
}

sources() {  # sources PATTERN...: the project's files, also those not yet committed
  git ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r file; do
    [[ ! -f $file ]] || printf '%s\n' "$file"
  done
}

check_format() {
  local status=0
  say "clang-format"
  sources '*.cc' '*.h' | xargs -r clang-format-19 --dry-run -Werror || status=$?
  ((status == 0)) || printf 'Mend it with: git ls-files "*.cc" "*.h" | xargs clang-format-19 -i\n'
  count "clang-format" "$status"
}

check_tidy() {
  local status=0
  say "clang-tidy"
  if ! configure dev; then
    count "clang-tidy: configure" 1
    return
  fi
  sources 'proxy/*.cc' 'auth/*.cc' 'metrics/*.cc' |
    tests/tidy.py --build build/dev --cache "$cache/tidy" --jobs "$jobs" || status=$?
  count "clang-tidy" "$status"
}

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1:suppressions=$PWD/tests/support/tsan_suppressions.txt}
for kind in ASAN UBSAN TSAN; do
  export "${kind}_SYMBOLIZER_PATH=${LLVM_SYMBOLIZER:-/usr/bin/llvm-symbolizer-19}"
done

for preset in "${presets[@]}"; do suite "$preset"; done
if ((fuzz_seconds)); then fuzz; fi
if $format; then check_format; fi
if $tidy; then check_tidy; fi
if $instructions; then suite bench; fi

# A long log is read from its end.
for failure in "$scratch/why"/*; do
  [[ ! -f $failure ]] || { say "${failure##*/}"; cat "$failure"; }
done
for failure in "${failures[@]}"; do printf 'FAILED %s\n' "$failure"; done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
