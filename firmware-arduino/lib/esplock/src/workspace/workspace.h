// Memory for what lasts no longer than a call. A door does one thing at a time, so its big buffers are one set, and each is
// anybody's between two calls: who is called may use it, who has called must not count on it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/reader.h"

namespace esplock {

struct Workspace {
  static constexpr std::size_t textBytes = 4096;
  static constexpr std::size_t roomBytes = 6656;

  json::Document document;        ///< the text being read: a frame, an answer, a header and then what it stood before
  char text[textBytes] = {};      ///< an envelope's plaintext and then its receipt's; what is POSTed; a frame on its way out
  std::uint8_t room[roomBytes] = {};   ///< sealed settings; parts of an envelope, a manifest or a proof; a slice of an image
};

}  // namespace esplock
