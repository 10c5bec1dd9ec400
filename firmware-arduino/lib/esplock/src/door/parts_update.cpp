// What an update needs of the door around it.
#include "door/parts.h"

namespace esplock {

bool Door::Parts::sendUpdate(std::string_view frame) { return session.send(frame); }

bool Door::Parts::updateBarred() const {
  const bool keysMoving = keys.generating() || keys.rotating();
  return restarting || keysMoving || settings.onProbation() || settings.awaitingRestart();
}

bool Door::Parts::cryptoTaken() const { return keys.generating(); }

bool Door::Parts::lockAtRest() const {
  const LockReading reading = lock.reading();
  return reading.requested == LockState::locked && reading.reported != LockState::unlocked;
}

void Door::Parts::restartForUpdate() { requestRestart(); }

void Door::Parts::onUpdatePhase(const char* phase, const char* version, const char* code) {
  events.emitUpdate(phase, version, code);
  if (ports.observer != nullptr) ports.observer->onUpdate(phase, version, code);
}

}  // namespace esplock
