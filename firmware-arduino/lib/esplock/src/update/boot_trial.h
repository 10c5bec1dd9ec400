// What a boot means for an update (protocol 12.5): the new image has some minutes to be welcomed by a relay, or the old
// one returns; the old one, back again, knows which image went wrong.
#pragma once

#include <cstdint>

#include "log/log_ring.h"
#include "ports/update_slot.h"
#include "update/record.h"

namespace esplock {

/// What runs.
struct RunningImage {
  const char* version = "";
  std::uint32_t securityVersion = 0;
  const std::uint8_t* digest = nullptr;   ///< null: it cannot be told, and the version has to do
};

class BootTrial {
 public:
  BootTrial(UpdateSlot* slot, UpdateMemory& memory, LogRing& log) : slot_(slot), memory_(memory), log_(log) {}

  /// Once a boot, with the memory loaded. A record of another image that was switched to means that one is rolled back.
  void begin(const RunningImage& image, std::uint64_t nowMs, std::uint32_t trialMs);

  /// The running image is on trial and not confirmed.
  bool pending() const { return pending_; }

  /// A relay has welcomed the door on this image. Confirmed at once, or, if that fails, again and again by poll().
  void onWelcome(std::uint64_t nowMs);

  /// True when the trial is over and lost, and the door has to restart into the old image.
  bool poll(std::uint64_t nowMs);

 private:
  bool runs(const UpdateRecord& record) const;
  void judge();
  void settleConfirmed();
  void settleRolledBack();
  void confirm(std::uint64_t nowMs);
  void save();

  UpdateSlot* slot_;
  UpdateMemory& memory_;
  LogRing& log_;
  RunningImage image_;
  bool pending_ = false;
  bool welcomed_ = false;
  std::uint64_t nextMs_ = 0;   ///< end of the trial, or the next attempt
};

}  // namespace esplock
