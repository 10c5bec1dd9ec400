// Seals what lies in flash: AES-256-GCM under the device's sealing key, bound to the name it is stored under, so that
// one blob cannot be put in the place of another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "crypto/crypto.h"
#include "ports/random.h"
#include "ports/system.h"

namespace esplock::crypto {

class Sealer {
 public:
  static constexpr std::size_t headBytes = 4 + nonceBytes;
  static constexpr std::size_t overheadBytes = headBytes + tagBytes;

  Sealer(System& system, Random& random) : system_(system), random_(random) {}

  /// `plain` may lie in `out` already, at `out + headBytes`.
  Status seal(std::string_view name, Bytes plain, std::uint8_t* out, std::size_t capacity, std::size_t& length);

  /// `corrupt` for anything that is not a whole blob sealed here under this name. `out` may be `sealed.data + headBytes`.
  Status open(std::string_view name, Bytes sealed, std::uint8_t* out, std::size_t capacity, std::size_t& length);

 private:
  System& system_;
  Random& random_;
};

}  // namespace esplock::crypto
