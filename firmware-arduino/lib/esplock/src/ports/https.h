// One HTTPS POST at a time, behind calls that never block. All calls come from the one task that runs Door::poll(). An
// adapter that does its work in a task of its own hands results over through a queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ports/relay_address.h"
#include "ports/transport_error.h"
#include "protocol/refusal.h"

namespace esplock {

enum class PostState : std::uint8_t { idle, pending, done, failed };

/// Filled when a POST is `done` (refusal, body) or `failed` (error).
struct PostAnswer {
  Refusal refusal = Refusal::none;               ///< `done`: none, or how the relay refused
  int httpStatus = 0;                            ///< for people to read; decided by is `refusal`
  std::string_view body;                         ///< to `maxBodyBytes`, valid until the next startPost or Channel::open
  TransportError error = TransportError::none;
};

class Https {
 public:
  static constexpr std::size_t maxBodyBytes = 4096;

  virtual ~Https() = default;

  /// Starts one POST of `application/json`. One at a time; false when it cannot start. Time limit 10 s.
  virtual bool startPost(const RelayAddress& relay, std::string_view path, std::string_view body) = 0;
  virtual PostState pollPost(PostAnswer& answer) = 0;
  virtual void cancelPost() = 0;
};

}  // namespace esplock
