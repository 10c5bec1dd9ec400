#pragma once

#include <cstdint>

#include "ports/relay_address.h"

namespace board {

/// The relay's address and CA, copied: the TLS library reads host and PEM by pointer while it connects, in the network's
/// task, and the core's settings may be others by then. Changed by the door's task, with no job under way.
struct Server {
  char host[256] = {};
  std::uint16_t port = 0;
  char ca[4097] = {};

  /// An address that is no https origin, or does not fit, leaves no server at all.
  void set(const esplock::RelayAddress& relay);

  /// Without a certificate there is no server: the libraries would take an absent one for "trust anybody".
  bool usable() const;
};

}  // namespace board
