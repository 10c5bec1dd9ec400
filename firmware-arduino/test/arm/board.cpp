// The bare machine: vectors, the start, counted allocation for mbedTLS, and numbers in place of entropy, because QEMU's
// board has no source of any. Nothing here is for a door that locks something.
#include "board.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <mbedtls/entropy.h>
#include <mbedtls/platform.h>

extern "C" {
extern char __bss_start__[];
extern char __bss_end__[];
extern char __stack_top[];
extern char __heap_limit[];
extern char end[];
void initialise_monitor_handles();
void __libc_init_array();
int main();
void _exit(int code);

[[noreturn]] void reset_handler() {
  std::memset(__bss_start__, 0, static_cast<std::size_t>(__bss_end__ - __bss_start__));
  initialise_monitor_handles();
  __libc_init_array();
  std::exit(main());
}

[[noreturn]] void fault_handler() {
  _exit(99);
  for (;;) {
  }
}

/// The compiler's start files have these; without an operating system there is nothing to do in them.
void _init() {}
void _fini() {}
void* __dso_handle = nullptr;

using Handler = void (*)();
__attribute__((section(".vectors"), used)) const Handler vectors[16] = {
    reinterpret_cast<Handler>(__stack_top), reset_handler, fault_handler, fault_handler, fault_handler,
    fault_handler, fault_handler, nullptr, nullptr, nullptr, nullptr, fault_handler, fault_handler, nullptr,
    fault_handler, fault_handler};

/// The heap grows to a quarter of a MiB below the stack's top, which is more than any stack here.
void* _sbrk(std::ptrdiff_t step) {
  static char* at = end;
  if (at + step > __heap_limit) return reinterpret_cast<void*>(-1);
  char* const before = at;
  at += step;
  return before;
}

/// A fixed sequence: every run is the same.
int mbedtls_hardware_poll(void*, unsigned char* out, std::size_t length, std::size_t* written) {
  static std::uint64_t state = 0x9E3779B97F4A7C15ULL;
  for (std::size_t i = 0; i < length; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    out[i] = static_cast<unsigned char>(state >> 32);
  }
  *written = length;
  return 0;
}
}

namespace bare {

Heap heap;

namespace {

/// Stands before each block; 8 bytes keep what follows aligned.
struct alignas(8) Size {
  std::size_t bytes;
};

void* counted(std::size_t count, std::size_t size) {
  auto* block = static_cast<Size*>(std::calloc(1, sizeof(Size) + count * size));
  if (block == nullptr) return nullptr;
  block->bytes = count * size;
  heap.held += block->bytes;
  ++heap.calls;
  if (heap.held > heap.peak) heap.peak = heap.held;
  return block + 1;
}

void uncounted(void* data) {
  if (data == nullptr) return;
  Size* const block = static_cast<Size*>(data) - 1;
  heap.held -= block->bytes;
  std::free(block);
}

constexpr std::size_t paintedBytes = 64 * 1024;
constexpr unsigned char paint = 0xA5;

}  // namespace

void countHeap() { mbedtls_platform_set_calloc_free(counted, uncounted); }

__attribute__((noinline)) std::size_t stackOf(void (*work)(void*), void* argument) {
  volatile unsigned char here = 0;
  const auto top = reinterpret_cast<std::uintptr_t>(&here) - 64;   // below what this function keeps of its own
  auto* const lowest = reinterpret_cast<volatile unsigned char*>(top - paintedBytes);
  for (std::size_t i = 0; i < paintedBytes; ++i) lowest[i] = paint;
  work(argument);
  std::size_t untouched = 0;
  while (untouched < paintedBytes && lowest[untouched] == paint) ++untouched;
  return paintedBytes - untouched + 64;
}

}  // namespace bare
