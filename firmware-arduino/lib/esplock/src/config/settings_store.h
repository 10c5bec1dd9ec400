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

struct Workspace;

class SettingsStore {
 public:
  static constexpr std::size_t slotHeadBytes = 5;   ///< generation, little endian, and the probation flag
  static constexpr std::size_t maxSlotBytes = crypto::Sealer::overheadBytes + slotHeadBytes + maxSettingsBytes;

  SettingsStore(KeyValueStore& store, crypto::Sealer& sealer, Workspace& workspace)
      : store_(store), sealer_(sealer), workspace_(workspace) {}

  /// `not_found` on a new device; `corrupt` when slots are there but none can be opened; `out` is as it was then. `scratch`
  /// is left as by reset().
  Status load(Settings& out, Settings& scratch);

  Status saveKept(const Settings& settings) { return save(settings, false); }
  Status saveOnProbation(const Settings& settings) { return save(settings, true); }

  bool onProbation() const { return current_ >= 0 && probation_; }

  /// Takes the probation's settings back and loads the ones before. The outcome is remembered across the restart.
  Status revert(Settings& out, Settings& scratch);

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
  Status openSlot(int slot, crypto::Bytes& plain, bool& present);
  Slot readSlot(int slot, Settings& out, bool& present);
  Status check(int slot, const std::uint8_t digest[crypto::hashBytes]);

  KeyValueStore& store_;
  crypto::Sealer& sealer_;
  Workspace& workspace_;
  int current_ = -1;
  std::uint32_t generation_ = 0;
  bool probation_ = false;
};

}  // namespace esplock
