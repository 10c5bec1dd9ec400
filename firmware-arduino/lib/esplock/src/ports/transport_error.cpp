#include "ports/transport_error.h"

namespace esplock {

const char* textOf(TransportError error) {
  switch (error) {
    case TransportError::none: return "none";
    case TransportError::unreachable: return "unreachable";
    case TransportError::untrusted: return "untrusted";
    case TransportError::timeout: return "timeout";
    case TransportError::too_big: return "too_big";
    case TransportError::protocol: return "protocol";
    case TransportError::out_of_memory: return "out_of_memory";
  }
  return "none";
}

}  // namespace esplock
