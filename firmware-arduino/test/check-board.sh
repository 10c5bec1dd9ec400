#!/bin/sh
# Compiles src/ for every board of platformio.ini against the stub headers, with warnings as errors and every compiler
# at hand, then runs the adapters' tests. No ESP32 toolchain and no board takes part: this proves that the code is C++
# and that the adapters do what they say to the stubs, not that the stubs are the chip.
#   check-board.sh [build directory]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../build/board}
jobs=${ESPLOCK_JOBS:-2}
ran=0
for compiler in g++ clang++; do
  command -v "$compiler" >/dev/null 2>&1 || continue
  tests=OFF
  [ "$ran" -eq 0 ] && tests=ON
  cmake -S "$here/stubs" -B "$build/$compiler" -DCMAKE_CXX_COMPILER="$compiler" -DESPLOCK_BOARD_TESTS=$tests >/dev/null
  cmake --build "$build/$compiler" -j "$jobs" -- --no-print-directory >"$build/$compiler/build.log" 2>&1 || {
    cat "$build/$compiler/build.log"
    exit 1
  }
  echo "src/ compiles with $compiler for every board, warnings as errors"
  if [ "$tests" = ON ]; then
    for test in "$build/$compiler"/test-*; do
      [ -x "$test" ] && [ -f "$test" ] || continue
      echo "$(basename "$test"):"
      "$test" --no-version
    done
  fi
  ran=$((ran + 1))
done
if [ "$ran" -eq 0 ]; then
  echo "no C++ compiler found: apt-get install g++" >&2
  exit 1
fi
# House rule 16: adapters only translate. 120 lines is where translating ends.
long=$(find "$here/../src" -name '*.cpp' -o -name '*.h' | while read -r file; do
  [ "$(wc -l <"$file")" -lt 120 ] || echo "$file"
done)
if [ -n "$long" ]; then
  echo "adapters of 120 lines and more: $long" >&2
  exit 1
fi
echo "every adapter is under 120 lines"
