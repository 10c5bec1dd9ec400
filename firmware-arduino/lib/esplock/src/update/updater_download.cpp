// The bytes of an update: asked for, taken, hashed, read back; and the switch (protocol 12.4, 12.5).
#include "json/writer.h"
#include "update/updater.h"

namespace esplock {
namespace {

constexpr std::uint64_t tellEveryMs = 1'000;
constexpr std::size_t offsetBytes = 4;   ///< before the bytes of a binary frame
constexpr unsigned maxWindow = 4;        ///< protocol 12.4
constexpr std::size_t maxFrameChars = 600;

}  // namespace

std::size_t Updater::blockAt(std::size_t offset) const {
  const std::size_t left = memory_.record().size - offset;
  return left < UpdateSlot::blockBytes ? left : UpdateSlot::blockBytes;
}

/// As many whole blocks as the window allows. What could not be sent is asked for in the next turn.
void Updater::ask() {
  const UpdateRecord& record = memory_.record();
  const unsigned window = parts_.options.window < maxWindow ? parts_.options.window : maxWindow;
  while (state_ == UpdateState::downloading && askedEnd_ < record.size &&
         (askedEnd_ - record.offset) / UpdateSlot::blockBytes < window) {
    char text[maxFrameChars];
    json::Writer json(text, sizeof text);
    json.beginObject().member("t", "update").member("id", record.id).member("phase", "get");
    json.member("offset", static_cast<std::int64_t>(askedEnd_));
    json.member("length", static_cast<std::int64_t>(blockAt(askedEnd_))).endObject();
    if (!parts_.door.sendUpdate(json.view())) return;
    askedEnd_ += static_cast<std::uint32_t>(blockAt(askedEnd_));
  }
}

void Updater::onBytes(std::string_view frame) {
  if (state_ != UpdateState::downloading || frame.size() < offsetBytes) {
    return parts_.log.write(LogLevel::debug, "update.bytes_unasked", static_cast<std::int64_t>(frame.size()));
  }
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(frame.data());
  std::uint32_t offset = 0;
  for (std::size_t i = 0; i < offsetBytes; ++i) offset = (offset << 8) | bytes[i];
  // The relay answers in order: anything else was not asked for, or has come already.
  if (offset != memory_.record().offset || offset >= askedEnd_) {
    return parts_.log.write(LogLevel::warning, "update.bytes_unasked", offset);
  }
  // A relay gives what was asked for or what its image still has: a shorter answer is an image that is too short.
  const std::size_t length = frame.size() - offsetBytes;
  if (length != blockAt(offset)) return fail(UpdateCode::size_mismatch);
  if (!takeBlock(bytes + offsetBytes, length)) return fail(UpdateCode::write_failed);
  lastByteMs_ = parts_.time.monotonicMs();
  if (memory_.record().offset == memory_.record().size) return completed();
  ask();
}

/// The record after the slot, so that it never speaks of bytes that are not there.
bool Updater::takeBlock(const std::uint8_t* data, std::size_t length) {
  UpdateRecord& record = memory_.record();
  if (!writer_.write(record.offset, data, length)) return false;
  record.offset += static_cast<std::uint32_t>(length);
  return memory_.saveRecord();
}

void Updater::completed() {
  const UpdateRecord& record = memory_.record();
  if (!writer_.matches(record.sha256)) return fail(UpdateCode::hash_mismatch);
  if (!writer_.startReading(record.size)) return fail(UpdateCode::write_failed);
  state_ = transition(state_, UpdateInput::complete);
}

void Updater::pollRebuilding() {
  if (parts_.door.cryptoTaken()) return;
  const SlotWriter::Reading reading = writer_.read();
  if (reading == SlotWriter::Reading::more) return;
  if (reading == SlotWriter::Reading::failed) return fail(UpdateCode::write_failed);
  lastByteMs_ = parts_.time.monotonicMs();
  state_ = transition(state_, UpdateInput::rebuilt);
  if (memory_.record().offset == memory_.record().size) return completed();
  ask();
}

void Updater::pollDownloading(std::uint64_t nowMs) {
  if (nowMs - lastByteMs_ >= parts_.options.stallMs) return suspend("update.stalled");
  ask();
  if (nowMs < nextTellMs_ || percent() == toldPercent_) return;
  nextTellMs_ = nowMs + tellEveryMs;
  const UpdateRecord& record = memory_.record();
  char text[maxFrameChars];
  json::Writer json(text, sizeof text);
  json.beginObject().member("t", "update").member("id", record.id).member("phase", "downloading");
  json.member("percent", static_cast<std::int64_t>(percent())).endObject();
  if (parts_.door.sendUpdate(json.view())) toldPercent_ = percent();
}

void Updater::pollChecking(std::uint64_t nowMs) {
  if (parts_.door.cryptoTaken()) return;
  const SlotWriter::Reading reading = writer_.read();
  if (reading == SlotWriter::Reading::more) return;
  if (reading == SlotWriter::Reading::failed) return fail(UpdateCode::write_failed);
  if (!writer_.matches(memory_.record().sha256)) return fail(UpdateCode::hash_mismatch);
  state_ = transition(state_, UpdateInput::verified);
  readySinceMs_ = nowMs;
  parts_.log.write(LogLevel::info, "update.verified");
  announce("verified");
}

/// A restart locks. So it waits for the bolt to be thrown in its own time, but not for ever: a door left unlocked for
/// good is locked by its update after `relockWaitMs`.
void Updater::pollReady(std::uint64_t nowMs) {
  if (parts_.door.updateBarred()) return;
  if (!parts_.door.lockAtRest() && nowMs - readySinceMs_ < parts_.options.relockWaitMs) return;
  if (!parts_.slot->activate()) return fail(UpdateCode::write_failed);
  // The slot before the record: the new image, on trial, knows itself by its digest and mends the record; the other way
  // round a cut would have the old image take the new one for failed.
  memory_.record().phase = RecordPhase::switched;
  if (!memory_.saveRecord()) parts_.log.write(LogLevel::error, "update.not_stored");
  state_ = transition(state_, UpdateInput::switched);
  parts_.log.write(LogLevel::info, "update.switched");
  announce("rebooting");
  parts_.door.restartForUpdate();
}

}  // namespace esplock
