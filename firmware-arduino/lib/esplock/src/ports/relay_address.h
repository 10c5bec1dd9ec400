#pragma once

#include <string_view>

namespace esplock {

/// Where the relay is, and the CA certificate(s), PEM, that its own must chain to. The host name is always checked. An
/// empty CA must make every connection fail with `untrusted`, never fall back to "any". Copied before the call returns.
struct RelayAddress {
  std::string_view origin;   ///< https
  std::string_view caPem;
};

}  // namespace esplock
