#!/bin/sh
# Runs what arm/ builds under QEMU, checks the figures it prints, and adds the sizes the linker knows. Usage: check.sh <build>
set -eu
build=$1
run() {
  timeout 300 qemu-system-arm -M mps2-an385 -display none -monitor none -serial none \
    -semihosting-config enable=on,target=native -kernel "$1"
}
fail() {
  echo "arm/check.sh: $1" >&2
  exit 1
}

run "$build/door-arm" >"$build/door-arm.out" || { cat "$build/door-arm.out"; fail "the door's day failed"; }
cat "$build/door-arm.out"
run "$build/memory-arm" || fail "the memory budget is broken"

# Code and constants of what the linker kept, by archive; .data and .bss alike.
sizes() { # <archive>
  awk -v archive="$1" '
    function number(hex,    i, value) {
      for (i = 3; i <= length(hex); ++i) value = 16 * value + index("0123456789abcdef", substr(hex, i, 1)) - 1
      return value
    }
    /^Linker script and memory map/ { on = 1 }
    /^\.debug|^\.comment|^\.ARM\.attributes/ { on = 0 }
    !on { next }
    /^ \.[a-zA-Z]/ { section = $1; if (NF < 4) next; size = $3; file = $4 }
    /^ +0x/ && NF >= 3 { size = $2; file = $3 }
    /^ \.[a-zA-Z]|^ +0x/ {
      if (index(file, archive "(") == 0) next
      bytes = number(size)
      if (section ~ /^\.(text|rodata|ARM)/) code += bytes
      else if (section ~ /^\.(data|bss)/) ram += bytes
      file = ""
    }
    END { printf "%d %d\n", code, ram }' "$build/door-arm.map"
}
limit() { # <what> <bytes> <at least> <at most>
  echo "$1: $2 bytes (limit $4)"
  { [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; } || fail "$1 is $2, not $3 to $4"
}
figure() { sed -n "s/^$1: \([0-9]*\) bytes.*/\1/p" "$build/door-arm.out"; }
# shellcheck disable=SC2046 # two numbers
set -- $(sizes libesplock.a) $(sizes libmbedcrypto.a)
limit "code of the core" "$1" 20000 110000
limit "static RAM of the core" "$2" 0 64
limit "code of mbedTLS" "$3" 30000 130000
limit "static RAM of mbedTLS" "$4" 100 4096
limit "heap held by keys" "$(figure 'heap held by the crypto library for keys')" 1000 6144
limit "heap peak in one poll" "$(figure 'heap peak of the crypto library in one poll')" 1000 10240
limit "stack of one poll" "$(figure 'stack high-water of one poll')" 1000 8192
