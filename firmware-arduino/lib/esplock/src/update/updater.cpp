#include "update/updater.h"

#include <cstring>

#include "json/writer.h"

namespace esplock {
namespace {

constexpr std::uint64_t tellEveryMs = 1'000;    ///< `downloading` (protocol 12.4)
constexpr std::uint64_t lightEveryMs = 2'000;
constexpr std::size_t maxFrameChars = 600;      ///< an id may be 64 characters that JSON writes as six each

template <std::size_t N>
void copyText(std::string_view text, char (&out)[N]) {
  const std::size_t length = text.size() < N ? text.size() : N - 1;
  std::memset(out, 0, N);
  if (length > 0) std::memcpy(out, text.data(), length);
}

json::Writer& head(json::Writer& json, std::string_view id, const char* phase) {
  return json.beginObject().member("t", "update").member("id", id).member("phase", phase);
}

}  // namespace

void Updater::start(const RunningImage& image) {
  image_ = image;
  memory_.load();
  boot_.begin(image, parts_.time.monotonicMs(), parts_.options.trialMs);
}

void Updater::poll() {
  const std::uint64_t nowMs = parts_.time.monotonicMs();
  if (boot_.poll(nowMs)) parts_.door.restartForUpdate();
  report();
  switch (state_) {
    case UpdateState::idle:
    case UpdateState::restarting: return;
    case UpdateState::rebuilding: pollRebuilding(); break;
    case UpdateState::downloading: pollDownloading(nowMs); break;
    case UpdateState::checking: pollChecking(nowMs); break;
    case UpdateState::ready: pollReady(nowMs); break;
  }
  if (active()) showLight(nowMs);
}

// ---- offers ----

void Updater::onOffer(std::string_view id, std::string_view manifest) {
  if (state_ == UpdateState::restarting) return refuse(id, UpdateCode::busy);
  if (active() && id == memory_.record().id) return;
  // After a newer offer the relay sends no byte of the older one any more (protocol 12.4), whatever comes of the newer.
  if (active()) suspend("update.replaced");
  Manifest offered;
  UpdateCode code = judge(manifest, offered);
  if (code == UpdateCode::none) code = openSlot(id, offered);
  if (code != UpdateCode::none) return refuse(id, code);
  const UpdateRecord& record = memory_.record();
  askedEnd_ = record.offset;
  toldPercent_ = percent();
  lastByteMs_ = parts_.time.monotonicMs();
  nextTellMs_ = lastByteMs_ + tellEveryMs;
  nextLightMs_ = lastByteMs_;
  state_ = transition(state_, record.offset > 0 ? UpdateInput::resumed : UpdateInput::accepted);
  char text[maxFrameChars];
  json::Writer json(text, sizeof text);
  head(json, id, "accept").member("offset", static_cast<std::int64_t>(record.offset)).endObject();
  if (!parts_.door.sendUpdate(json.view())) return suspend("update.not_sent");
  parts_.log.write(LogLevel::info, "update.accepted", record.offset);
  parts_.door.onUpdatePhase("downloading", record.version, "");
  ask();
}

UpdateCode Updater::judge(std::string_view manifest, Manifest& out) {
  const RecordPhase phase = memory_.record().phase;
  const bool untold = !told_ && (phase == RecordPhase::confirmed || phase == RecordPhase::rolled_back);
  const bool unknown = !memory_.floorKnown() || !parts_.time.known();
  if (untold || unknown || boot_.pending() || parts_.door.updateBarred()) return UpdateCode::busy;
  if (!offers_.take(parts_.time.monotonicMs())) return UpdateCode::busy;
  ManifestRules rules;
  trust(rules);
  rules.board = parts_.options.board;
  rules.version = image_.version;
  rules.securityFloor = memory_.floor() > image_.securityVersion ? memory_.floor() : image_.securityVersion;
  rules.capacity = parts_.slot != nullptr ? parts_.slot->capacity() : 0;
  rules.nowMs = parts_.time.nowMs();
  const UpdateCode code = reader_.check(manifest, rules, out);
  if (code != UpdateCode::none) return code;
  return memory_.hasFailed(out.sha256) ? UpdateCode::failed_before : UpdateCode::none;
}

/// The owner's keys, if there are any, and those alone: what the build brought is then as good as revoked.
void Updater::trust(ManifestRules& rules) const {
  const Settings& settings = parts_.settings.active();
  std::size_t count = 0;
  for (const auto& key : settings.releaseKeys) {
    if (key[0] != '\0') rules.trustedKeys[count++] = key;
  }
  if (count > 0) return;
  for (std::size_t i = 0; i < maxReleaseKeyCount; ++i) rules.trustedKeys[i] = parts_.options.releaseKeys[i];
}

/// The record goes first: were the slot touched before, a cut would leave a record that speaks of bytes no longer there.
UpdateCode Updater::openSlot(std::string_view id, const Manifest& manifest) {
  UpdateRecord& record = memory_.record();
  const bool same = record.phase == RecordPhase::loading && record.size == manifest.size &&
                    std::memcmp(record.sha256, manifest.sha256, sizeof record.sha256) == 0;
  if (!same) record.offset = 0;
  record.phase = RecordPhase::loading;
  record.code = UpdateCode::none;
  record.size = manifest.size;
  record.securityVersion = manifest.securityVersion;
  std::memcpy(record.sha256, manifest.sha256, sizeof record.sha256);
  copyText(id, record.id);
  copyText(manifest.version, record.version);
  if (!memory_.saveRecord()) return UpdateCode::write_failed;
  if (record.offset > 0) {
    if (writer_.begin(*parts_.slot, record.size, record.offset) && writer_.startReading(record.offset)) {
      return UpdateCode::none;
    }
    record.offset = 0;   // what was there is not there any more
    if (!memory_.saveRecord()) return UpdateCode::write_failed;
  }
  if (writer_.begin(*parts_.slot, record.size, 0)) return UpdateCode::none;
  memory_.eraseRecord();
  return UpdateCode::no_space;
}

void Updater::refuse(std::string_view id, UpdateCode code) {
  lastCode_ = code;
  parts_.log.write(LogLevel::warning, "update.refused", static_cast<int>(code));
  say(id, "refuse", code);
}

// ---- what the relay hears ----

bool Updater::say(std::string_view id, const char* phase, UpdateCode code) {
  char text[maxFrameChars];
  json::Writer json(text, sizeof text);
  head(json, id, phase);
  if (code != UpdateCode::none) json.member("code", textOf(code));
  json.endObject();
  return parts_.door.sendUpdate(json.view());
}

void Updater::announce(const char* phase, UpdateCode code) {
  const UpdateRecord& record = memory_.record();
  if (!say(record.id, phase, code)) parts_.log.write(LogLevel::warning, "update.not_sent");
  parts_.door.onUpdatePhase(phase, record.version, textOf(code));
}

/// How the last update ended, told once on a connection; forgotten when the relay is known to have it.
void Updater::report() {
  const UpdateRecord& record = memory_.record();
  const bool good = record.phase == RecordPhase::confirmed;
  if (told_ || boot_.pending() || (!good && record.phase != RecordPhase::rolled_back)) return;
  const char* const phase = good ? "confirmed" : "rolled_back";
  const UpdateCode code = good ? UpdateCode::none : record.code;
  if (!say(record.id, phase, code)) return;
  told_ = true;
  parts_.door.onUpdatePhase(phase, record.version, textOf(code));
  if (!good) lastCode_ = code;
}

/// A keep-alive sent after the report was answered: the relay has it. Before that, a lost connection may have taken it along.
void Updater::onKeepAliveAnswered() {
  const RecordPhase phase = memory_.record().phase;
  if (!told_ || (phase != RecordPhase::confirmed && phase != RecordPhase::rolled_back)) return;
  if (!memory_.eraseRecord()) parts_.log.write(LogLevel::error, "update.not_stored");
}

void Updater::onWelcome() {
  told_ = false;
  boot_.onWelcome(parts_.time.monotonicMs());
  report();
}

// ---- ends ----

void Updater::suspend(const char* cause) {
  parts_.log.write(LogLevel::info, cause, memory_.record().offset);
  writer_.drop();
  state_ = transition(state_, UpdateInput::suspended);
}

void Updater::onSocketLost() {
  if (active() && state_ != UpdateState::restarting) suspend("update.suspended");
}

/// The slot is abandoned with its record: nothing of it is built upon.
void Updater::fail(UpdateCode code) {
  lastCode_ = code;
  parts_.log.write(LogLevel::error, "update.failed", static_cast<int>(code));
  parts_.light.play(LightPattern::error);
  announce("failed", code);
  writer_.drop();
  memory_.eraseRecord();
  state_ = transition(state_, UpdateInput::failed);
}

void Updater::forget() {
  if (active() && state_ != UpdateState::restarting) suspend("update.forgotten");
  const RecordPhase phase = memory_.record().phase;
  if (phase != RecordPhase::none && phase != RecordPhase::switched) memory_.eraseRecord();
}

unsigned Updater::percent() const {
  const UpdateRecord& record = memory_.record();
  return record.size == 0 ? 0 : static_cast<unsigned>(std::uint64_t{record.offset} * 100 / record.size);
}

UpdateStatus Updater::status() const {
  UpdateStatus status;
  status.state = state_;
  status.version = memory_.record().version;
  status.percent = percent();
  status.onTrial = boot_.pending();
  status.lastCode = textOf(lastCode_);
  status.securityFloor = memory_.floor() > image_.securityVersion ? memory_.floor() : image_.securityVersion;
  return status;
}

void Updater::showLight(std::uint64_t nowMs) {
  if (nowMs < nextLightMs_) return;
  nextLightMs_ = nowMs + lightEveryMs;
  parts_.light.play(LightPattern::update_running);
}

}  // namespace esplock
