// An act is a row: its name, its scope, a check of its params that changes nothing, and the doing. Between the two the
// replay mark is persisted (protocol 6.6), so that nothing happens that a restart could let happen again.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "config/settings_manager.h"
#include "identity/key_ring.h"
#include "jose/envelope.h"
#include "json/reader.h"
#include "light/light_player.h"
#include "lock/lock_model.h"
#include "workspace/workspace.h"

namespace esplock {

struct ActContext {
  LockModel& lock;
  SettingsManager& settings;
  KeyRing& keys;
  LightPlayer& light;
  Workspace& workspace;

  std::uint64_t nowMs = 0;          ///< monotonic
  std::uint32_t holdMs = 0;         ///< from check to run of `unlock`
  bool changeOpen = false;          ///< `configure` has begun a change that must be committed or dropped

  // What the doing asks of the door, after the receipt is away.
  bool restartWanted = false;
  bool rotationWanted = false;
  bool settingsKept = false;        ///< changed without probation
  char newKid[kidChars + 1] = {};
};

struct Act {
  const char* name;
  Scope scope;
  ReceiptCode (*check)(ActContext& context, json::Value params);
  ReceiptCode (*run)(ActContext& context);
};

extern const Act unlockAct;
extern const Act lockAct;
extern const Act configureAct;
extern const Act restartAct;
extern const Act rotateKeyAct;
extern const Act statusAct;

const Act* findAct(const char* name);

/// For acts without params: absent or empty.
ReceiptCode checkNoParams(ActContext& context, json::Value params);

}  // namespace esplock
