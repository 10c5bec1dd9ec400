// Two sealed slots. A save writes the slot not in use, reads it back, and only then counts: power loss at any write
// leaves the old settings or the new ones, never neither. A critical change is saved on probation: until a relay has
// accepted the door on it, the other slot holds the way back (protocol 6.3).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "config/settings.h"
#include "config/settings_codec.h"
#include "crypto/sealer.h"
#include "ports/key_value_store.h"

namespace esplock {

class SettingsStore {
 public:
  SettingsStore(KeyValueStore& store, crypto::Sealer& sealer) : store_(store), sealer_(sealer) {}

  /// `not_found` on a new device; `corrupt` when slots are there but none can be opened.
  Status load(Settings& out);

  Status saveKept(const Settings& settings) { return save(settings, false); }
  Status saveOnProbation(const Settings& settings) { return save(settings, true); }

  bool onProbation() const { return current_ >= 0 && probation_; }

  /// Takes the probation's settings back and loads the ones before. The outcome is remembered across the restart.
  Status revert(Settings& out);

  /// Whether a revert has happened that no relay was told of yet.
  bool revertedUntold();
  Status forgetReverted();

  Status erase();

 private:
  struct Slot {
    bool valid = false;
    std::uint32_t generation = 0;
    bool probation = false;
  };
  Status save(const Settings& settings, bool probation);
  Slot readSlot(int slot, Settings& out, bool& present);

  KeyValueStore& store_;
  crypto::Sealer& sealer_;
  int current_ = -1;
  std::uint32_t generation_ = 0;
  bool probation_ = false;
  Settings scratch_;
  std::uint8_t plain_[maxSettingsBytes + 8] = {};
  std::uint8_t sealed_[maxSettingsBytes + 8 + crypto::Sealer::overheadBytes] = {};
};

}  // namespace esplock
