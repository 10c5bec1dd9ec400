#pragma once

#include <cstdint>

namespace esplock {

/// Why the network failed, as far as the adapter can tell.
enum class TransportError : std::uint8_t {
  none,
  unreachable,     ///< no route, no DNS answer, connection refused
  untrusted,       ///< certificate not signed by the CA, or for another host
  timeout,
  too_big,         ///< the answer or frame passes the bound
  protocol,        ///< not HTTP, not WebSocket, wrong subprotocol
  out_of_memory,   ///< the device's own (mbedTLS: -0x7F00); says nothing about network or relay
};

const char* textOf(TransportError error);

}  // namespace esplock
