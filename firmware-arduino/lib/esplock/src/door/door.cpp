#include "door/door.h"

#include <cstring>

#include "door/parts.h"

namespace esplock {
namespace {

Status copyOut(std::string_view text, char* out, std::size_t capacity) {
  if (text.size() >= capacity) return Status::too_big;
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return Status::ok;
}

Status numberText(std::uint32_t value, char* out, std::size_t capacity) {
  char digits[12];
  json::Writer writer(digits, sizeof digits);
  writer.integer(static_cast<std::int64_t>(value));
  return copyOut(writer.view(), out, capacity);
}

bool parseNumber(std::string_view text, std::int64_t& out) {
  if (text.empty() || text.size() > 12) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + (c - '0');
  }
  return true;
}

}  // namespace

Door::Door(const DoorPorts& ports, const FirmwareInfo& firmware, const DoorOptions& options)
    : parts_(std::make_unique<Parts>(ports, firmware, options)) {}

Door::~Door() = default;

Status Door::start() { return parts_->start(); }
void Door::poll() { parts_->poll(); }
void Door::stop() { parts_->session.stop(CloseReason::going_away); }
bool Door::isStopped() const { return parts_->session.state() == SessionState::stopped; }
SessionState Door::sessionState() const { return parts_->session.state(); }
LockReading Door::lock() const { return parts_->lock.reading(); }
std::string_view Door::kid() const { return parts_->keys.kid(); }
std::string_view Door::doorId() const { return parts_->settings.active().doorId; }
void Door::restart() { parts_->requestRestart(); }
UpdateStatus Door::update() const { return parts_->updater.status(); }

Status Door::stageSetting(std::string_view name, std::string_view value) {
  const SettingInfo* info = findSetting(name);
  if (info == nullptr) return Status::not_found;
  SettingsManager& settings = parts_->settings;
  if (!settings.changing()) settings.beginChange();
  if (info->id == SettingId::releaseKeys && value.empty()) {
    clearReleaseKeys(settings.candidate());
    return Status::ok;
  }
  if (!isNumber(info->id)) return setText(settings.candidate(), info->id, value);
  std::int64_t number = 0;
  return parseNumber(value, number) ? setNumber(settings.candidate(), info->id, number) : Status::invalid_value;
}

Status Door::commitSettings() {
  SettingsManager& settings = parts_->settings;
  if (parts_->keys.generating() || parts_->restart.requested()) return Status::busy;
  if (!settings.changing()) return Status::not_found;
  const bool wifiChanged = std::strcmp(settings.active().wifiSsid, settings.candidate().wifiSsid) != 0 ||
                           std::strcmp(settings.active().wifiPassword, settings.candidate().wifiPassword) != 0;
  const Status status = settings.commitByOwner();
  if (status != Status::ok) return status;
  parts_->damaged = false;
  parts_->probation.end();
  parts_->light.play(LightPattern::settings_changed);
  if (wifiChanged) parts_->ports.network.join(settings.active().wifiSsid, settings.active().wifiPassword);
  parts_->session.renew();
  return Status::ok;
}

Status Door::showSetting(std::string_view name, char* out, std::size_t capacity) const {
  const SettingInfo* info = findSetting(name);
  if (info == nullptr) return Status::not_found;
  const Settings& settings = parts_->settings.active();
  if (info->id == SettingId::failSafeAfterMs) return numberText(settings.failSafeAfterMs, out, capacity);
  if (info->id == SettingId::autoRelockMs) return numberText(settings.autoRelockMs, out, capacity);
  const std::string_view value = textValue(settings, info->id);
  const bool isLong = info->id == SettingId::caCertificate || info->id == SettingId::releaseKeys;
  if (value.empty()) return copyOut("(not set)", out, capacity);
  return copyOut(info->secret || isLong ? std::string_view("(set)") : value, out, capacity);
}

Status Door::clearMark() {
  // The clock stands on the mark; what it says without it is the time to compare with.
  TimeKeeper& time = parts_->time;
  time.setFloor(0);
  const Status status = parts_->replay.clearMark(time.known(), time.nowMs());
  if (status != Status::ok) time.setFloor(parts_->replay.mark());
  return status;
}

Status Door::factoryReset() { return parts_->resetToFactory(); }

std::size_t Door::logCount() const { return parts_->log.count(); }

bool Door::logEntry(std::size_t index, std::uint64_t& atMs, LogLevel& level, const char*& cause,
                    std::int64_t& detail) const {
  if (index >= parts_->log.count()) return false;
  const LogRing::Entry& entry = parts_->log.at(index);
  atMs = entry.atMs;
  level = entry.level;
  cause = entry.cause;
  detail = entry.detail;
  return true;
}

}  // namespace esplock
