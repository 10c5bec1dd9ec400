#include "base/base64url.h"

namespace esplock::base64url {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int valueOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  if (c == '_') return 63;
  return -1;
}

/// Bits of the last character that carry no data and must be zero.
unsigned looseBits(std::size_t chars) {
  const std::size_t rest = chars % 4;
  if (rest == 2) return 0x0F;
  if (rest == 3) return 0x03;
  return 0;
}

}  // namespace

bool isCanonical(std::string_view text) {
  if (text.size() % 4 == 1) return false;
  for (const char c : text) {
    if (valueOf(c) < 0) return false;
  }
  if (text.empty()) return true;
  return (static_cast<unsigned>(valueOf(text.back())) & looseBits(text.size())) == 0;
}

Status decode(std::string_view text, std::uint8_t* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  if (!isCanonical(text)) return Status::malformed;
  if (text.size() * 3 / 4 > capacity) return Status::too_big;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    bits = (bits << 6) | static_cast<std::uint32_t>(valueOf(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out[length++] = static_cast<std::uint8_t>((bits >> count) & 0xFFU);
  }
  return Status::ok;
}

Status encode(const std::uint8_t* data, std::size_t length, char* out, std::size_t capacity, std::size_t& outLength) {
  outLength = 0;
  if (encodedLength(length) > capacity) return Status::too_big;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (std::size_t i = 0; i < length; ++i) {
    bits = (bits << 8) | data[i];
    count += 8;
    while (count >= 6) {
      count -= 6;
      out[outLength++] = alphabet[(bits >> count) & 63U];
    }
  }
  if (count > 0) out[outLength++] = alphabet[(bits << (6 - count)) & 63U];
  return Status::ok;
}

}  // namespace esplock::base64url
