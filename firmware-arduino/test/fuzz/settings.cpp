// Settings from any bytes: what decodes, encodes and decodes to the same again.
#include <cstdlib>
#include <cstring>

#include "config/settings_codec.h"

using namespace esplock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Settings first;
  static Settings second;
  static std::uint8_t bytes[maxSettingsBytes];
  std::size_t length = 0;
  if (decodeSettings({data, size}, first) != Status::ok) return 0;
  if (encodeSettings(first, bytes, sizeof bytes, length) != Status::ok) std::abort();
  if (decodeSettings({bytes, length}, second) != Status::ok) std::abort();
  if (std::memcmp(&first, &second, sizeof first) != 0) std::abort();
  return 0;
}
