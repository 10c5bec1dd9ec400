#pragma once

#include <NetworkClientSecure.h>

#include "ports/transport_error.h"

namespace board {

// Limits of a connection, for POST and socket alike. The TLS library's own for the handshake is two minutes.
constexpr std::int32_t connectMs = 5'000;
constexpr unsigned long handshakeSeconds = 10;

/// Whether an error of mbedTLS says that memory ran out. A code is a module's (0x0080 and up), one of a lower layer
/// (below), or both added; each module has a code of its own for it.
inline bool outOfMemory(int code) {
  const int positive = -code;
  const int module = positive & 0xFF80;
  const int lower = positive & 0x7F;
  constexpr int modules[] = {
      0x7F00,   // SSL, the usual one: two records' worth of buffers
      0x2880,   // X.509
      0x1180,   // PEM
      0x3F80,   // PK
      0x4D80,   // ECP
      0x3400,   // DH
      0x5180,   // MD
      0x6180,   // cipher
  };
  for (const int one : modules) {
    if (module == one) return true;
  }
  return lower == 0x10 || lower == 0x6A;   // MPI, ASN.1
}

/// What mbedTLS' last error means to the core. X.509 (-0x2080 to -0x2FFF) and PEM (-0x1080 to -0x14FF) codes are about
/// the certificate or the CA. -1 is Arduino's own: not connected, or the handshake took too long.
inline esplock::TransportError tlsErrorOf(int code) {
  const int positive = -code;
  if (positive > 1 && outOfMemory(code)) return esplock::TransportError::out_of_memory;
  const bool x509 = positive >= 0x2080 && positive <= 0x2FFF;
  const bool pem = positive >= 0x1080 && positive <= 0x14FF;
  if (x509 || pem) return esplock::TransportError::untrusted;
  return positive == 0x6800 ? esplock::TransportError::timeout : esplock::TransportError::unreachable;
}

inline esplock::TransportError tlsErrorOf(NetworkClientSecure& client) {
  char text[80];
  return tlsErrorOf(client.lastError(text, sizeof text));
}

}  // namespace board
