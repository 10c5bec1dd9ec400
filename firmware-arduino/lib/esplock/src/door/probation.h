#pragma once

#include <cstdint>

#include "config/settings_manager.h"
#include "door/restart.h"
#include "identity/key_ring.h"
#include "log/log_ring.h"
#include "protocol/events.h"
#include "update/updater.h"

namespace esplock {

/// Critical settings that no relay has accepted in time are taken back, by a restart (protocol 6.3).
class Probation {
 public:
  struct Parts {
    SettingsManager& settings;
    KeyRing& keys;
    Updater& updater;
    Restart& restart;
    EventSink& events;
    LogRing& log;
    std::uint32_t lengthMs;
  };

  explicit Probation(const Parts& parts) : parts_(parts) {}

  void begin(std::uint64_t nowMs) { endsMs_ = parts_.settings.onProbation() ? nowMs + parts_.lengthMs : 0; }
  void end() { endsMs_ = 0; }

  /// What is accepted is kept; the relay hears how it went.
  void onWelcome();
  void poll(std::uint64_t nowMs);

 private:
  static constexpr std::uint64_t againMs = 10'000;

  Parts parts_;
  std::uint64_t endsMs_ = 0;   ///< 0: none
};

}  // namespace esplock
