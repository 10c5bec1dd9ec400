# What run.sh and targets.sh share; read with `.`, with $here set.
build=${ESPLOCK_BUILD_DIR:-"$here/../build"}
jobs=${ESPLOCK_JOBS:-2}
mkdir -p "$build"
build=$(cd "$build" && pwd)

failed() {
  echo "$(basename "$0"): $1 failed" >&2
  exit 1
}

make_in() { # <dir> <targets> <source> <cmake arguments...>
  dir=$1
  targets=$2
  shift 2
  # shellcheck disable=SC2086 # several targets
  if ! cmake -S "$@" -B "$build/$dir" >"$build/$dir.log" 2>&1 ||
    ! make -C "$build/$dir" -j"$jobs" $targets >>"$build/$dir.log" 2>&1; then
    tail -40 "$build/$dir.log" >&2
    failed "building $dir"
  fi
}

left_out() { echo "left out: $1"; }

debian() { # <release> <architecture> <package>: where it lies; false, and a line, when it cannot be had
  if ! sh "$here/debian-fetch.sh" "$build/debian" "$@" 2>"$build/debian.log"; then
    left_out "$(cat "$build/debian.log")" >&2
    return 1
  fi
}

mbedtls_of() { # <include folder>: its version
  cat "$1/mbedtls/build_info.h" "$1/mbedtls/version.h" 2>/dev/null |
    sed -n 's/^#define MBEDTLS_VERSION_STRING  *"\(.*\)"/\1/p' | head -1
}

with_mbedtls() { # <root of an unpacked libmbedtls-dev>: the arguments that make cmake use it
  echo "-DMBEDTLS_INCLUDE_DIR=$1/usr/include -DMBEDCRYPTO_LIBRARY=$(find "$1" -name libmbedcrypto.a)"
}

# mbedTLS for 32-bit x86, of this machine's own release; false, and a line, when 32 bits cannot be had.
on_32_bits() {
  if ! echo 'int main() { return 0; }' | c++ -m32 -x c++ - -o "$build/try-32" 2>/dev/null || ! "$build/try-32"; then
    left_out "32 bits: this compiler or machine has none (package g++-multilib, on amd64)" >&2
    return 1
  fi
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  root=$(debian "$release" i386 libmbedtls-dev) || return 1
  with_mbedtls "$root"
}
