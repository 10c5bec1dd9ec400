#!/bin/sh
# Compiles the core for rv32imc, the instruction set of an ESP32-C3, and prints its size. Debian 12 has no C++ library for this
# compiler: the headers (nothing else) are those of newlib for Arm, over picolibc's C headers; so this compiles and does not
# link. Usage: check.sh <build> <mbedTLS's headers>
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
crypto=$2
jobs=${ESPLOCK_JOBS:-2}
if echo '#include <string_view>' | riscv64-unknown-elf-g++ --specs=picolibc.specs -std=c++17 -fsyntax-only -x c++ - 2>/dev/null; then
  library=""
  echo "== rv32imc: the core compiles with the compiler's own C++ library"
else
  headers=$(find /usr/include/newlib/c++ -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort | tail -1)
  if [ -z "$headers" ]; then
    echo "left out: rv32imc: no headers of a C++ library (package libstdc++-arm-none-eabi-dev)"
    exit 0
  fi
  library="-isystem $headers -isystem $headers/arm-none-eabi/thumb/v7-m/nofp"
  echo "== rv32imc: the core compiles, with newlib's C++ headers; not linked, for want of a C++ library"
fi
rm -rf "$build"
mkdir -p "$build"
core=$(cd "$here/../../lib/esplock/src" && pwd)
compile() { # <source>: an object named after its path
  # shellcheck disable=SC2086 # several arguments
  riscv64-unknown-elf-g++ --specs=picolibc.specs -march=rv32imc -mabi=ilp32 -std=c++17 -Os -Wall -Wextra -Werror -Wconversion \
    -fno-exceptions -fno-rtti -ffunction-sections -fdata-sections $library -isystem "$crypto" -I"$core" \
    -c "$1" -o "$build/$(echo "${1#"$core"/}" | tr / .).o"
}
list="$build/sources"
find "$core" -name '*.cpp' | sort >"$list"
half=$((($(wc -l <"$list") + 1) / 2))
if [ "$jobs" -gt 1 ]; then
  sed "1,${half}d" "$list" | while read -r source; do compile "$source" || exit 1; done &
  second=$!
  sed "${half}q" "$list" | while read -r source; do compile "$source" || exit 1; done
  wait "$second"
else
  while read -r source; do compile "$source"; done <"$list"
fi
riscv64-unknown-elf-size "$build"/*.o | awk -v files="$(wc -l <"$list")" '
  NR > 1 { code += $1; ram += $2 + $3; ++n }
  END {
    printf "%d files, %d bytes of code and constants before linking, %d bytes of static RAM\n", n, code, ram
    exit !(n == files && code > 20000 && code < 150000 && ram < 256)
  }' || { echo "rv32/check.sh: not every file, or another size than it should be" >&2; exit 1; }
