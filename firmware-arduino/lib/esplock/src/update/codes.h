#pragma once

#include <cstdint>

namespace esplock {

/// Why an update is refused or ended (protocol 12.7), and the two ways back of ours. Stored in the update record: numbers
/// are for ever.
enum class UpdateCode : std::uint8_t {
  none = 0,
  bad_signature = 1,
  unknown_key = 2,
  wrong_product = 3,
  wrong_board = 4,
  expired = 5,
  downgrade = 6,
  security_version = 7,
  too_large = 8,
  no_space = 9,
  busy = 10,
  hash_mismatch = 11,
  size_mismatch = 12,
  write_failed = 13,
  failed_before = 14,
  boot_failed = 15,     ///< rolled back: the image crashed, or lost its power before it was welcomed
  not_confirmed = 16,   ///< rolled back: the image ran, and no relay welcomed it in time
};
constexpr unsigned updateCodeCount = 17;

/// The word on the wire; empty for `none`.
const char* textOf(UpdateCode code);

}  // namespace esplock
