#include "door/probation.h"

namespace esplock {

void Probation::onWelcome() {
  Status status = Status::ok;
  endsMs_ = 0;
  switch (parts_.settings.accepted(status)) {
    case SettingsManager::Outcome::kept: parts_.events.emit(EventKind::configured, "outcome", "kept"); break;
    case SettingsManager::Outcome::reverted: parts_.events.emit(EventKind::configured, "outcome", "reverted"); break;
    case SettingsManager::Outcome::nothing: break;
  }
  if (status != Status::ok) parts_.log.write(LogLevel::error, "settings.not_stored", static_cast<int>(status));
}

void Probation::poll(std::uint64_t nowMs) {
  if (endsMs_ == 0 || nowMs < endsMs_ || parts_.keys.generating()) return;
  // An image on trial goes first: restarting here would end its trial, and blame the image for the settings. If the old
  // one returns, the settings have their time there.
  if (parts_.updater.onTrial()) return;
  const Status status = parts_.settings.revert();
  parts_.log.write(LogLevel::warning, "settings.reverted", static_cast<int>(status));
  // A store that fails now may work later; the way back is not given up.
  endsMs_ = status == Status::ok ? 0 : nowMs + againMs;
  if (status == Status::ok) parts_.restart.request(nowMs);
}

}  // namespace esplock
