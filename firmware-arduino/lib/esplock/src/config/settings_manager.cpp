#include "config/settings_manager.h"

#include <cstring>

namespace esplock {

void SettingsManager::beginChange() {
  candidate_ = active_;
  changing_ = true;
}

void SettingsManager::dropChange() {
  crypto::wipe(&candidate_, sizeof candidate_);
  reset(candidate_);
  changing_ = false;
}

Status SettingsManager::commitByCommand(bool& restartNeeded) {
  restartNeeded = false;
  if (awaitingRestart_) return Status::busy;
  const bool critical = differsCritically(active_, candidate_);
  const Status status = critical ? store_.saveOnProbation(candidate_) : store_.saveKept(candidate_);
  if (status == Status::ok && !critical) active_ = candidate_;
  if (status == Status::ok && critical) awaitingRestart_ = restartNeeded = true;
  dropChange();
  return status;
}

Status SettingsManager::commitByOwner() {
  if (awaitingRestart_) return Status::busy;
  if (!changing_) return Status::not_found;
  const Status status = store_.saveKept(candidate_);
  if (status == Status::ok) active_ = candidate_;
  dropChange();
  return status;
}

SettingsManager::Outcome SettingsManager::accepted(Status& status) {
  status = Status::ok;
  const bool wasProbation = onProbation();
  if (wasProbation || active_.enrolmentToken[0] != 0) {
    std::memset(active_.enrolmentToken, 0, sizeof active_.enrolmentToken);
    status = store_.saveKept(active_);
  }
  if (wasProbation) {
    if (status == Status::ok) status = store_.forgetReverted();
    return Outcome::kept;
  }
  if (!store_.revertedUntold()) return Outcome::nothing;
  status = store_.forgetReverted();
  return Outcome::reverted;
}

Status SettingsManager::revert() {
  dropChange();
  const Status status = store_.revert(active_, candidate_);
  if (status == Status::ok) awaitingRestart_ = true;
  return status;
}

Status SettingsManager::erase() {
  reset(active_);
  dropChange();
  return store_.erase();
}

}  // namespace esplock
