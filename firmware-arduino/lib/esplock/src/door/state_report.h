#pragma once

#include <cstdint>

#include "access/door_state.h"
#include "access/verifiers/credential_guard.h"
#include "lock/fail_safe.h"
#include "lock/lock_model.h"
#include "ports/network.h"
#include "ports/system.h"
#include "time/time_keeper.h"

namespace esplock {

/// The `state` object of protocol 5.3, in receipts and status frames.
class StateReport final : public StateSource {
 public:
  struct Parts {
    const LockModel& lock;
    const FailSafeWatch& failSafe;
    const CredentialGuard& credentials;
    TimeKeeper& time;
    Network& network;
    System& system;
  };

  explicit StateReport(const Parts& parts) : parts_(parts) {}

  const char* mode() const;
  void onCommand(std::int64_t atMs, int status);

  /// In a receipt: without the particulars of memory, which would not fit its padding.
  void writeState(json::Writer& json) override { write(json, false); }
  void writeFull(json::Writer& json) { write(json, true); }

 private:
  void write(json::Writer& json, bool full);

  Parts parts_;
  std::int64_t lastCommandAtMs_ = 0;
  int lastCommandStatus_ = 0;
};

}  // namespace esplock
