#!/bin/sh
# Builds and runs everything that can be checked of the firmware without a board. Usage: run.sh [--fuzz-seconds N] (30)
# Out of tree; ESPLOCK_BUILD_DIR chooses where (default: firmware-arduino/build). 0 seconds leave the fuzzing out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/build.sh"
fuzz_seconds=30
while [ $# -gt 0 ]; do
  case "$1" in
    --fuzz-seconds)
      [ $# -ge 2 ] || { echo "run.sh: --fuzz-seconds needs a number" >&2; exit 2; }
      fuzz_seconds=$2
      shift 2 ;;
    *) echo "run.sh: unknown argument $1 (usage: run.sh [--fuzz-seconds N])" >&2; exit 2 ;;
  esac
done
case "$fuzz_seconds" in '' | *[!0-9]*) echo "run.sh: --fuzz-seconds needs a number" >&2; exit 2 ;; esac

missing=""
need() { # <what to look for> <package>
  if [ -e "$1" ] || command -v "$1" >/dev/null 2>&1; then return 0; fi
  missing="$missing $2"
}
need c++ g++
need cmake cmake
need make make
need /usr/include/psa/crypto.h libmbedtls-dev
need /usr/include/libwebsockets.h libwebsockets-dev
need /usr/include/doctest/doctest.h doctest-dev
need /usr/include/nlohmann/json.hpp nlohmann-json3-dev
if [ "$fuzz_seconds" -gt 0 ]; then
  need clang++ clang
  if command -v clang++ >/dev/null 2>&1; then
    runtime=$(clang++ -print-resource-dir)/lib/linux
    ls "$runtime"/libclang_rt.fuzzer-*.a >/dev/null 2>&1 ||
      missing="$missing libclang-rt-$(clang++ -dumpversion | cut -d. -f1)-dev"
  fi
fi
if [ -n "$missing" ]; then
  echo "run.sh: these Debian packages are missing:$missing" >&2
  echo "        get them with: apt-get install$missing" >&2
  exit 1
fi

echo "== virtual door (warnings are errors)"
make_in host all "$here/../host"
"$build/host/esplock-door" --help >/dev/null

echo "== units under ASan and UBSan"
make_in units units "$here"
"$build/units/units"

echo "== stack and heap"
make_in measure measure "$here" -DESPLOCK_SANITIZE=OFF
"$build/measure/measure"

# Without sanitizers and without effort, for the time it takes; targets.sh has them.
if use=$(on_32_bits); then
  echo "== 32 bits: units, memory budget"
  # shellcheck disable=SC2086 # two arguments
  CXXFLAGS=-m32 make_in plain-32 "units memory" "$here" -DESPLOCK_SANITIZE=OFF -DESPLOCK_OPTIMIZE=-O0 $use
  "$build/plain-32/memory"
  "$build/plain-32/units"
fi

if [ "$fuzz_seconds" -gt 0 ]; then
  echo "== fuzzing, $fuzz_seconds s a target"
  CXX=clang++ make_in fuzz all "$here" -DESPLOCK_FUZZ=ON
  # What it finds new goes to the build directory; the corpus in the tree is the seed and stays as it is.
  fuzz() { # <target>
    mkdir -p "$build/fuzz/corpus-$1" "$build/fuzz/findings"
    if ! "$build/fuzz/fuzz-$1" -max_total_time="$fuzz_seconds" -max_len=9000 -timeout=10 -rss_limit_mb=1024 \
      -artifact_prefix="$build/fuzz/findings/$1-" \
      "$build/fuzz/corpus-$1" "$here/corpus/$1" >"$build/fuzz/$1.log" 2>&1; then
      tail -30 "$build/fuzz/$1.log" >&2
      echo "run.sh: fuzz target $1 failed; the input is in $build/fuzz/findings" >&2
      return 1
    fi
    echo "$1: $(grep -E '^Done' "$build/fuzz/$1.log" || echo done)"
  }
  # Two at a time: a target is one thread.
  set -- json base64url frame envelope jws settings request manifest update replay
  while [ $# -gt 0 ]; do
    fuzz "$1" &
    first=$!
    second=""
    if [ $# -gt 1 ]; then
      fuzz "$2" &
      second=$!
      shift
    fi
    shift
    failed=0
    wait "$first" || failed=1
    if [ -n "$second" ]; then wait "$second" || failed=1; fi
    [ "$failed" -eq 0 ] || exit 1
  done
fi

echo "== board: adapters against the stubs"
sh "$here/check-board.sh" "$build/board"
echo "== firmware: all passed"
