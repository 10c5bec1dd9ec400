#pragma once

#include <cstddef>
#include <cstdint>

#include "ports/relay_address.h"

namespace board {

/// The relay's address and CA, copied: the TLS library reads host and PEM by pointer while it connects, in the network's
/// task, and the core's settings may be others by then. Set by the door's task, with no job under way, before each job; once
/// the job is connected the PEM is not looked at again, and its place may serve for something else.
struct Server {
  static constexpr std::size_t caBytes = 4097;

  explicit Server(char* caPlace) : ca(caPlace) {}

  char host[256] = {};
  std::uint16_t port = 0;
  char* const ca;   ///< `caBytes`

  /// An address that is no https origin, or does not fit, leaves no server at all.
  void set(const esplock::RelayAddress& relay);

  /// Without a certificate there is no server: the libraries would take an absent one for "trust anybody".
  bool usable() const;
};

}  // namespace board
