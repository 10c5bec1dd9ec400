#pragma once

#include "ports/transport_error.h"

namespace board {

/// What mbedTLS' last error means to the core. X.509 (-0x2080 to -0x2FFF) and PEM (-0x1080 to -0x14FF) codes are about
/// the certificate or the CA; of the rest only want of memory and the handshake's own time-out can be told apart.
inline esplock::TransportError tlsErrorOf(int code) {
  const int positive = -code;
  const bool x509 = positive >= 0x2080 && positive <= 0x2FFF;
  const bool pem = positive >= 0x1080 && positive <= 0x14FF;
  if (x509 || pem) return esplock::TransportError::untrusted;
  if (positive == 0x7F00) return esplock::TransportError::out_of_memory;
  return positive == 0x6800 ? esplock::TransportError::timeout : esplock::TransportError::unreachable;
}

}  // namespace board
