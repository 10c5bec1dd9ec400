#include "door/factory_reset.h"

namespace esplock {
namespace {

constexpr char noteName[] = "reset";

}  // namespace

Status FactoryReset::request() {
  waiting_ = parts_.keys.generating();
  if (waiting_) return Status::busy;
  const std::uint8_t note = 1;
  begun_ = parts_.store.write(noteName, &note, 1);
  const Status status = begun_ ? eraseAll() : Status::store_failed;
  if (begun_) parts_.updater.forget();
  parts_.log.write(status == Status::ok ? LogLevel::warning : LogLevel::error, "factory_reset", static_cast<int>(status));
  return status;
}

Status FactoryReset::resume() {
  std::uint8_t note = 0;
  std::size_t length = 0;
  if (parts_.store.read(noteName, &note, 1, length) == StoreResult::missing) return Status::not_found;
  begun_ = true;
  const Status status = eraseAll();
  parts_.log.write(status == Status::ok ? LogLevel::warning : LogLevel::error, "factory_reset.resumed",
                   static_cast<int>(status));
  return status;
}

/// The key first: without it what is left of the settings is no longer this door.
Status FactoryReset::eraseAll() {
  Status status = parts_.keys.erase();
  if (status == Status::ok) status = parts_.settings.erase();
  if (status == Status::ok) status = parts_.replay.erase();
  if (status == Status::ok && !parts_.store.erase("epoch")) status = Status::store_failed;
  if (status == Status::ok && !parts_.store.erase(noteName)) status = Status::store_failed;
  return status;
}

}  // namespace esplock
