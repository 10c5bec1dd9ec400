#include "update/boot_trial.h"

#include <cstring>

namespace esplock {
namespace {

constexpr std::uint64_t tryAgainMs = 10'000;

}  // namespace

bool BootTrial::runs(const UpdateRecord& record) const {
  if (image_.digest == nullptr) return std::strcmp(record.version, image_.version) == 0;
  return std::memcmp(record.sha256, image_.digest, sizeof record.sha256) == 0;
}

void BootTrial::save() {
  if (!memory_.saveRecord()) log_.write(LogLevel::error, "update.not_stored");
}

void BootTrial::begin(const RunningImage& image, std::uint64_t nowMs, std::uint32_t trialMs) {
  image_ = image;
  welcomed_ = false;
  pending_ = slot_ != nullptr && slot_->onTrial();
  UpdateRecord& record = memory_.record();
  if (!pending_) return judge();
  nextMs_ = nowMs + trialMs;
  log_.write(LogLevel::info, "update.on_trial");
  // Power was cut between making the slot the one to boot and writing so.
  if (record.phase != RecordPhase::loading || !runs(record)) return;
  record.phase = RecordPhase::switched;
  save();
}

/// No trial: either none was under way, or it has ended one way or the other.
void BootTrial::judge() {
  const UpdateRecord& record = memory_.record();
  switch (record.phase) {
    case RecordPhase::none: return;
    case RecordPhase::loading:
      if (runs(record)) settleConfirmed();
      return;
    case RecordPhase::switched: return runs(record) ? settleConfirmed() : settleRolledBack();
    case RecordPhase::confirmed:
      if (runs(record)) return settleConfirmed();
      memory_.eraseRecord();   // somebody has put another image in since
      return;
    case RecordPhase::rolled_back: return settleRolledBack();
  }
}

/// The floor before the record: were it the other way round, a cut between them would leave it low.
void BootTrial::settleConfirmed() {
  UpdateRecord& record = memory_.record();
  const std::uint32_t own = image_.securityVersion;
  const std::uint32_t floor = record.securityVersion > own ? record.securityVersion : own;
  if (!memory_.raiseFloor(floor)) log_.write(LogLevel::error, "update.floor_not_stored");
  log_.write(LogLevel::info, "update.confirmed");
  if (record.phase == RecordPhase::none || record.phase == RecordPhase::confirmed) return;
  record.phase = RecordPhase::confirmed;
  save();
}

/// The list before the record, for the same reason.
void BootTrial::settleRolledBack() {
  UpdateRecord& record = memory_.record();
  if (!memory_.addFailed(record.sha256)) log_.write(LogLevel::error, "update.not_stored");
  if (record.phase == RecordPhase::rolled_back) return;
  record.phase = RecordPhase::rolled_back;
  if (record.code == UpdateCode::none) record.code = UpdateCode::boot_failed;
  log_.write(LogLevel::warning, "update.rolled_back", static_cast<int>(record.code));
  save();
}

void BootTrial::onWelcome(std::uint64_t nowMs) {
  if (!pending_) return;
  welcomed_ = true;
  confirm(nowMs);
}

void BootTrial::confirm(std::uint64_t nowMs) {
  nextMs_ = nowMs + tryAgainMs;
  if (!slot_->confirm()) return log_.write(LogLevel::error, "update.not_confirmed");
  pending_ = false;
  if (memory_.record().phase != RecordPhase::none && !runs(memory_.record())) memory_.eraseRecord();
  settleConfirmed();
}

bool BootTrial::poll(std::uint64_t nowMs) {
  if (!pending_ || nowMs < nextMs_) return false;
  if (welcomed_) {
    confirm(nowMs);
    return false;
  }
  nextMs_ = nowMs + tryAgainMs;
  log_.write(LogLevel::error, "update.not_welcomed");
  UpdateRecord& record = memory_.record();
  if (record.phase == RecordPhase::switched && record.code == UpdateCode::none && runs(record)) {
    record.code = UpdateCode::not_confirmed;
    save();
  }
  return slot_->rollback();
}

}  // namespace esplock
