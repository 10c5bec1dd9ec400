#pragma once

#include <cstddef>
#include <cstdint>

namespace host {

constexpr std::size_t digestBytes = 32;

/// SHA-256 and size of an open file, from its beginning; false when it cannot be read or is longer than `limit`.
bool digestOfFile(int file, std::size_t limit, std::uint8_t out[digestBytes], std::size_t& size);

}  // namespace host
