// What decodes, encodes back to the very same text: one value, one spelling.
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/base64url.h"

using namespace esplock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::uint8_t bytes[8192];
  static char text[12'000];
  std::size_t length = 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (base64url::decode(input, bytes, sizeof bytes, length) != Status::ok) return 0;
  std::size_t written = 0;
  if (base64url::encode(bytes, length, text, sizeof text, written) != Status::ok) std::abort();
  if (std::string_view(text, written) != input) std::abort();
  return 0;
}
