#include "json/string_cursor.h"

namespace esplock::json {
namespace {

std::uint32_t hexValue(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint32_t>(c - 'a' + 10);
  return static_cast<std::uint32_t>(c - 'A' + 10);
}

char plainEscape(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;   // quote, backslash, slash: the parser let nothing else through
  }
}

}  // namespace

std::uint32_t StringCursor::hex4() {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 4) | hexValue(raw_[at_++]);
  return value;
}

void StringCursor::queue(std::uint32_t cp) {
  pendingAt_ = 0;
  const auto byte = [](std::uint32_t v) { return static_cast<std::uint8_t>(v); };
  if (cp < 0x80) {
    pending_[0] = byte(cp);
    pendingCount_ = 1;
  } else if (cp < 0x800) {
    pending_[0] = byte(0xC0 | (cp >> 6));
    pending_[1] = byte(0x80 | (cp & 0x3F));
    pendingCount_ = 2;
  } else if (cp < 0x10000) {
    pending_[0] = byte(0xE0 | (cp >> 12));
    pending_[1] = byte(0x80 | ((cp >> 6) & 0x3F));
    pending_[2] = byte(0x80 | (cp & 0x3F));
    pendingCount_ = 3;
  } else {
    pending_[0] = byte(0xF0 | (cp >> 18));
    pending_[1] = byte(0x80 | ((cp >> 12) & 0x3F));
    pending_[2] = byte(0x80 | ((cp >> 6) & 0x3F));
    pending_[3] = byte(0x80 | (cp & 0x3F));
    pendingCount_ = 4;
  }
}

int StringCursor::next() {
  if (pendingAt_ < pendingCount_) return pending_[pendingAt_++];
  if (at_ >= raw_.size()) return -1;
  const char c = raw_[at_++];
  if (c != '\\') return static_cast<std::uint8_t>(c);
  const char escape = raw_[at_++];
  if (escape != 'u') return static_cast<std::uint8_t>(plainEscape(escape));
  std::uint32_t cp = hex4();
  if (cp >= 0xD800 && cp <= 0xDBFF) {
    at_ += 2;   // the parser made sure that \uDC00..\uDFFF follows
    cp = 0x10000 + ((cp - 0xD800) << 10) + (hex4() - 0xDC00);
  }
  queue(cp);
  return pending_[pendingAt_++];
}

bool sameDecoded(std::string_view rawA, std::string_view rawB) {
  StringCursor a(rawA);
  StringCursor b(rawB);
  for (;;) {
    const int x = a.next();
    if (x != b.next()) return false;
    if (x < 0) return true;
  }
}

bool decodesTo(std::string_view raw, std::string_view plain) {
  StringCursor cursor(raw);
  for (const char c : plain) {
    if (cursor.next() != static_cast<std::uint8_t>(c)) return false;
  }
  return cursor.next() < 0;
}

}  // namespace esplock::json
