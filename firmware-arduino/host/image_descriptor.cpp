#include "image_descriptor.h"

namespace host {
namespace {

// Never folded into the code that reads it: what the file holds at this place is what counts, also when a release was
// made by writing another version there.
__attribute__((section(".esplock_image"), used)) const volatile ImageDescriptor descriptor = {
    "esplock-image-1", ESPLOCK_VERSION, ESPLOCK_BOARD, {ESPLOCK_SECURITY_VERSION, 0, 0, 0}, {}};

/// A copy that ends in a zero whatever the file says.
template <unsigned N>
struct Text {
  char value[N + 1] = {};
  explicit Text(const volatile char (&from)[N]) {
    for (unsigned i = 0; i < N && from[i] != '\0'; ++i) value[i] = from[i];
  }
};

}  // namespace

const char* imageVersion() {
  static const Text<sizeof descriptor.version> text(descriptor.version);
  return text.value;
}

const char* imageBoard() {
  static const Text<sizeof descriptor.board> text(descriptor.board);
  return text.value;
}

std::uint32_t imageSecurityVersion() {
  std::uint32_t value = 0;
  for (unsigned i = 4; i > 0; --i) value = value << 8 | descriptor.securityVersion[i - 1];
  return value;
}

}  // namespace host
