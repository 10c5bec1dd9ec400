#include "door/state_report.h"

namespace esplock {

const char* StateReport::mode() const {
  if (parts_.credentials.lockedOut(parts_.time.monotonicMs())) return "lockout";
  return parts_.failSafe.entered() ? "fail_safe" : "normal";
}

void StateReport::onCommand(std::int64_t atMs, int status) {
  lastCommandAtMs_ = atMs;
  lastCommandStatus_ = status;
}

void StateReport::write(json::Writer& json, bool full) {
  const LockReading reading = parts_.lock.reading();
  json.beginObject().member("lock", textOf(reading.reported)).member("clock", parts_.time.sure() ? "sure" : "unsure");
  if (reading.contact != ContactState::absent) json.member("contact", textOf(reading.contact));
  int dbm = 0;
  if (parts_.network.rssi(dbm)) json.member("rssi", static_cast<std::int64_t>(dbm));
  const std::size_t heap = parts_.system.freeHeap();
  if (heap > 0) json.member("freeHeap", static_cast<std::int64_t>(heap));
  const std::size_t block = full ? parts_.system.largestFreeBlock() : 0;
  if (block > 0) json.member("largestFreeBlock", static_cast<std::int64_t>(block));
  const std::size_t stack = full ? parts_.system.stackLeft() : 0;
  if (stack > 0) json.member("stackLeft", static_cast<std::int64_t>(stack));
  json.member("uptimeMs", static_cast<std::int64_t>(parts_.time.monotonicMs()));
  json.member("mode", mode());
  if (lastCommandStatus_ != 0) {
    json.name("lastCommand").beginObject().member("at", lastCommandAtMs_);
    json.member("status", static_cast<std::int64_t>(lastCommandStatus_)).endObject();
  }
  json.endObject();
}

}  // namespace esplock
