#!/bin/sh
# The core where run.sh does not try it: on mbedTLS 3.6 (or 2.28, where this machine has 3.6) with the virtual door, on 32 bits
# under ASan and UBSan with the fuzzers' corpora, on a Cortex-M3 without an operating system under QEMU, and compiled for
# rv32imc. What this machine lacks is named by a line "left out: …" and the rest goes on; what is there must pass.
#   targets.sh [mbedtls] [x86-32] [cortex-m] [rv32]     all of them when none is named
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/build.sh"
[ $# -gt 0 ] || set -- mbedtls x86-32 cortex-m rv32

other_mbedtls() {
  case "$(mbedtls_of /usr/include)" in
    2.*) other=trixie ;;
    *) other=bookworm ;;
  esac
  root=$(debian "$other" "$(dpkg --print-architecture)" libmbedtls-dev) || return 0
  version=$(mbedtls_of "$root/usr/include")
  echo "== mbedTLS $version: units under ASan and UBSan, vectors, virtual door"
  use=$(with_mbedtls "$root")
  # shellcheck disable=SC2086 # two arguments
  make_in "units-mbedtls-$version" units "$here" $use
  (cd "$here" && "$build/units-mbedtls-$version/units")
  # shellcheck disable=SC2086
  make_in "host-mbedtls-$version" esplock-door "$here/../host" $use
  "$build/host-mbedtls-$version/esplock-door" --help >/dev/null
  echo "the virtual door on mbedTLS $version: $build/host-mbedtls-$version/esplock-door"
}

x86_32() {
  use=$(on_32_bits) || return 0
  echo "== 32 bits: units under ASan and UBSan"
  # shellcheck disable=SC2086
  CXXFLAGS=-m32 make_in units-32 units "$here" $use
  "$build/units-32/units"
  if ! command -v clang++ >/dev/null 2>&1; then
    left_out "the fuzzers' corpora on 32 bits: clang is not installed"
    return 0
  fi
  echo "== 32 bits: every fuzz target over its corpus"
  # shellcheck disable=SC2086
  CXX=clang++ CXXFLAGS=-m32 make_in fuzz-32 all "$here" -DESPLOCK_FUZZ=ON $use
  for target in "$build"/fuzz-32/fuzz-*; do
    name=$(basename "$target")
    name=${name#fuzz-}
    found="$build/fuzz/corpus-$name"
    mkdir -p "$found"
    if ! "$target" -runs=0 -timeout=10 "$here/corpus/$name" "$found" >"$build/fuzz-32/$name.log" 2>&1; then
      tail -30 "$build/fuzz-32/$name.log" >&2
      failed "fuzz target $name on 32 bits"
    fi
    echo "$name: $(grep -oE '^#[0-9]+.*INITED.*corp: [^ ]*' "$build/fuzz-32/$name.log" | tail -1)"
  done
}

cortex_m() {
  for program in arm-none-eabi-g++ qemu-system-arm; do
    command -v "$program" >/dev/null 2>&1 || {
      left_out "Cortex-M under QEMU: $program is not installed (packages in $here/debian-packages-long.txt)"
      return 0
    }
  done
  source=$(debian trixie source mbedtls) || return 0
  echo "== Cortex-M3 on bare metal (QEMU), mbedTLS $(mbedtls_of "$source/include")"
  make_in arm all "$here/arm" -DCMAKE_TOOLCHAIN_FILE="$here/arm/toolchain.cmake" -DMBEDTLS_SOURCE="$source" \
    -DNLOHMANN_DIR=/usr/include
  sh "$here/arm/check.sh" "$build/arm"
}

rv32() {
  command -v riscv64-unknown-elf-g++ >/dev/null 2>&1 || {
    left_out "rv32imc: riscv64-unknown-elf-g++ is not installed (packages in $here/debian-packages-long.txt)"
    return 0
  }
  source=$(debian trixie source mbedtls) || return 0
  sh "$here/rv32/check.sh" "$build/rv32" "$source/include"
}

for wanted in "$@"; do
  case "$wanted" in
    mbedtls) other_mbedtls ;;
    x86-32) x86_32 ;;
    cortex-m) cortex_m ;;
    rv32) rv32 ;;
    *) echo "targets.sh: no target $wanted (mbedtls, x86-32, cortex-m, rv32)" >&2; exit 2 ;;
  esac
done
echo "== targets: what could be had passed"
