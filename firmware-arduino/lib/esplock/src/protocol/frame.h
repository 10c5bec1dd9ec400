// What a relay says on the door's socket (protocol 5.1, 5.2). Unknown members are ignored, unknown frames too: an old
// door must live with a newer relay.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "json/reader.h"

namespace esplock {

enum class FrameType : std::uint8_t { unknown, welcome, command, status, keepalive, update, challenge };

struct Frame {
  static constexpr std::size_t maxIdChars = 64;

  FrameType type = FrameType::unknown;
  char id[maxIdChars + 1] = {};        ///< command, status, update, challenge; empty when absent
  std::string_view jwe;                ///< command: a view into the frame
  std::int64_t deadlineMs = 0;         ///< command
  std::int64_t epoch = 0;              ///< welcome
  std::int64_t timeMs = 0;             ///< welcome, keepalive
  std::int64_t keepAliveSeconds = 0;   ///< welcome
  bool isOffer = false;                ///< update
  std::string_view manifest;           ///< update, offer: a view into the frame; empty when it is none
};

/// `malformed` when it is not an object with a `t`, or a known frame lacks what it needs: a protocol error (4004).
Status readFrame(std::string_view text, json::Document& document, Frame& out);

}  // namespace esplock
