#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "json/reader.h"

namespace esplock {

/// The plaintext of a command (protocol 6.2).
struct CommandRequest {
  char act[65] = {};
  char password[513] = {};
  std::uint8_t replyKey[32] = {};
  std::uint8_t challenge[32] = {};
  json::Value params;             ///< missing when there are none
  bool hasReplyKey = false;       ///< without one nothing can be told to the sender but the status
  bool hasChallenge = false;      ///< one that this door is said to have made (protocol 19.4)
  bool credentialKnown = false;   ///< type "password"; others are `unsupported`
};

/// Reads what is in `document`. `malformed` may still come with a reply key. Unknown members are malformed: the
/// sender means something this door would not do.
Status readRequest(std::string_view plain, json::Document& document, CommandRequest& out);

}  // namespace esplock
