#include "json/writer.h"

namespace esplock::json {

void Writer::put(char c) {
  if (length_ >= capacity_) {
    overflow_ = true;
    return;
  }
  out_[length_++] = c;
}

void Writer::put(std::string_view text) {
  for (const char c : text) put(c);
}

void Writer::separate() {
  if (needComma_) put(',');
  needComma_ = true;
}

Writer& Writer::open(char bracket) {
  separate();
  put(bracket);
  needComma_ = false;
  return *this;
}

Writer& Writer::shut(char bracket) {
  put(bracket);
  needComma_ = true;
  return *this;
}

Writer& Writer::name(std::string_view text) {
  separate();
  quoted(text);
  put(':');
  needComma_ = false;
  return *this;
}

Writer& Writer::string(std::string_view text) {
  separate();
  quoted(text);
  return *this;
}

void Writer::quoted(std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  put('"');
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '"' || c == '\\') {
      put('\\');
      put(c);
    } else if (c == '\n') {
      put("\\n");
    } else if (byte < 0x20) {
      put("\\u00");
      put(hex[byte >> 4]);
      put(hex[byte & 15]);
    } else {
      put(c);
    }
  }
  put('"');
}

Writer& Writer::integer(std::int64_t value) {
  separate();
  char digits[20];
  std::size_t count = 0;
  std::uint64_t magnitude = value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  do {
    digits[count++] = static_cast<char>('0' + magnitude % 10);
    magnitude /= 10;
  } while (magnitude > 0);
  if (value < 0) put('-');
  while (count > 0) put(digits[--count]);
  return *this;
}

Writer& Writer::boolean(bool value) {
  separate();
  put(value ? "true" : "false");
  return *this;
}

Writer& Writer::filling(char c, std::size_t count) {
  separate();
  put('"');
  for (std::size_t i = 0; i < count; ++i) put(c);
  put('"');
  return *this;
}

Writer& Writer::raw(std::string_view json) {
  separate();
  put(json);
  return *this;
}

}  // namespace esplock::json
