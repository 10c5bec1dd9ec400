#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace esplock::json {

/// Walks the decoded UTF-8 bytes of a checked raw JSON string, so that comparing needs no buffer.
class StringCursor {
 public:
  explicit StringCursor(std::string_view raw) : raw_(raw) {}

  /// Next byte, or -1 at the end.
  int next();

 private:
  std::uint32_t hex4();
  void queue(std::uint32_t codePoint);

  std::string_view raw_;
  std::size_t at_ = 0;
  std::uint8_t pending_[4] = {};
  std::uint8_t pendingCount_ = 0;
  std::uint8_t pendingAt_ = 0;
};

bool sameDecoded(std::string_view rawA, std::string_view rawB);
bool decodesTo(std::string_view raw, std::string_view plain);

}  // namespace esplock::json
