#pragma once

#include <cstddef>
#include <string_view>

namespace board {

/// The status of a refused upgrade, which the library tells as "WebSocket handshake failed - HTTP 401" or, where the
/// answer says `Connection: upgrade`, as "HTTP 401"; 0 when there is none.
inline int statusIn(std::string_view reason) {
  constexpr std::string_view word = "HTTP ";
  const std::size_t at = reason.rfind(word);
  if (at == std::string_view::npos) return 0;
  int status = 0;
  for (const char c : reason.substr(at + word.size(), 3)) {
    if (c < '0' || c > '9') return 0;
    status = status * 10 + (c - '0');
  }
  return status;
}

}  // namespace board
