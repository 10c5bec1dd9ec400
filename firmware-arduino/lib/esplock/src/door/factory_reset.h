#pragma once

#include "access/replay_guard.h"
#include "base/status.h"
#include "config/settings_manager.h"
#include "identity/key_ring.h"
#include "log/log_ring.h"
#include "ports/key_value_store.h"
#include "update/updater.h"

namespace esplock {

/// Makes the door new. A note in the store says that it is wanted before anything is erased, and goes last: power lost in
/// between leaves a door that goes on with it at its next start, never one with half of its settings or an older half.
class FactoryReset {
 public:
  struct Parts {
    KeyValueStore& store;
    SettingsManager& settings;
    KeyRing& keys;
    ReplayGuard& replay;
    Updater& updater;
    LogRing& log;
  };

  explicit FactoryReset(const Parts& parts) : parts_(parts) {}

  /// `busy`: a key is being made; it is carried out when that is done. `store_failed`: where `begun()`, what is left goes
  /// at the next start, else nothing has changed.
  Status request();
  bool waiting() const { return waiting_; }
  bool begun() const { return begun_; }

  /// At the start, before anything is loaded: goes on with one that was begun. `not_found` where there is none.
  Status resume();

 private:
  Status eraseAll();

  Parts parts_;
  bool waiting_ = false;
  bool begun_ = false;
};

}  // namespace esplock
