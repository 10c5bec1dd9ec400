// Linked into the virtual door this makes an image that crashes at boot, before its main.
#include <csignal>

namespace {
[[gnu::constructor]] void crash() { std::raise(SIGSEGV); }
}  // namespace
