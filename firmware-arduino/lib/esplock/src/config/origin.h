#pragma once

#include <cstdint>
#include <string_view>

namespace esplock {

struct Origin {
  std::string_view host;        ///< without the brackets of an IPv6 address
  std::uint16_t port = 443;
};

/// Reads `https://host[:port]` and nothing else: lower case, no user, path, query or trailing dot.
bool parseHttpsOrigin(std::string_view text, Origin& out);

}  // namespace esplock
