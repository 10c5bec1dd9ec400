#pragma once

#include "ports/update_slot.h"

namespace board {

/// Stands in for the second slot until updates over the air are built (contract 12): takes nothing, and has nothing on
/// trial. The contract's digest is that of the image file, which the running chip cannot tell without reading it whole.
class RefusingUpdateSlot final : public esplock::UpdateSlot {
 public:
  std::size_t capacity() override { return 0; }
  bool begin(std::size_t, std::size_t) override { return false; }
  bool write(std::size_t, const std::uint8_t*, std::size_t) override { return false; }
  bool read(std::size_t, std::uint8_t*, std::size_t) override { return false; }
  bool activate() override { return false; }
  bool onTrial() override { return false; }
  bool confirm() override { return false; }
  bool rollback() override { return false; }
  bool runningDigest(std::uint8_t*) override { return false; }
};

}  // namespace board
