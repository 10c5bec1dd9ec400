// The settings in force, and changes to them: all or nothing, by command or by the owner at the device.
#pragma once

#include "base/status.h"
#include "config/settings.h"
#include "config/settings_store.h"

namespace esplock {

class SettingsManager {
 public:
  explicit SettingsManager(SettingsStore& store) : store_(store) {}

  Status load() { return store_.load(active_, candidate_); }
  const Settings& active() const { return active_; }

  /// Work on a copy: begin, change the candidate, commit or drop it.
  void beginChange();
  bool changing() const { return changing_; }
  Settings& candidate() { return candidate_; }
  void dropChange();

  /// By command. A critical change is stored on probation and comes into force with the restart that must follow;
  /// until then further changes are `busy`, because they would overwrite the way back.
  Status commitByCommand(bool& restartNeeded);

  /// By the owner at the device: in force at once, no probation.
  Status commitByOwner();

  bool onProbation() const { return store_.onProbation() && !awaitingRestart_; }
  bool awaitingRestart() const { return awaitingRestart_; }

  enum class Outcome : std::uint8_t { nothing, kept, reverted };

  /// A relay has welcomed the door: probation ends, the used enrolment token goes. Tells what the owner should hear.
  Outcome accepted(Status& status);

  /// Probation has run out: the settings before are stored as current again; a restart must follow. A change that was under
  /// way is dropped.
  Status revert();

  Status erase();

 private:
  SettingsStore& store_;
  Settings active_;
  Settings candidate_;
  bool changing_ = false;
  bool awaitingRestart_ = false;
};

}  // namespace esplock
