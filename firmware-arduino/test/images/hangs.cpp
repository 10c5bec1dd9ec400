// Linked into the virtual door this makes an image that hangs at boot: it neither confirms itself nor ends, and takes no
// hint to.
#include <unistd.h>

#include <csignal>

namespace {
[[gnu::constructor]] void hang() {
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);
  for (;;) ::pause();
}
}  // namespace
