#include "config/settings.h"

#include <cstring>

#include "config/origin.h"

namespace esplock {

const SettingInfo settingTable[settingCount] = {
    {SettingId::wifiSsid, "wifiSsid", false, true},
    {SettingId::wifiPassword, "wifiPassword", true, true},
    {SettingId::serverAddress, "serverAddress", false, true},
    {SettingId::caCertificate, "caCertificate", false, true},
    {SettingId::doorId, "doorId", false, true},
    {SettingId::enrolmentToken, "enrolmentToken", true, false},
    {SettingId::doorPassword, "doorPassword", true, false},
    {SettingId::failSafe, "failSafe", false, false},
    {SettingId::failSafeAfterMs, "failSafeAfterMs", false, false},
    {SettingId::autoRelockMs, "autoRelockMs", false, false},
    {SettingId::releaseKeys, "releaseKeys", false, false},
};

namespace {

template <std::size_t N>
Status store(char (&field)[N], std::string_view value) {
  if (value.size() >= N) return Status::too_big;
  if (value.find('\0') != std::string_view::npos) return Status::invalid_value;
  std::memset(field, 0, N);   // the rest too: settings are compared and sealed whole
  if (!value.empty()) std::memcpy(field, value.data(), value.size());
  return Status::ok;
}

std::size_t codePoints(std::string_view utf8) {
  std::size_t count = 0;
  for (const char c : utf8) {
    if ((static_cast<std::uint8_t>(c) & 0xC0) != 0x80) ++count;
  }
  return count;
}

bool isPrintableAscii(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7E) return false;
  }
  return true;
}

/// Framing and characters only; whether it is a certificate shows when it is used, under probation.
bool isPem(std::string_view text, std::string_view label) {
  constexpr std::string_view begin = "-----BEGIN ";
  constexpr std::string_view end = "-----END ";
  if (text.substr(0, begin.size()) != begin || text.substr(begin.size(), label.size()) != label) return false;
  if (text.find(end) == std::string_view::npos) return false;
  for (const char c : text) {
    if ((c < 0x20 || c > 0x7E) && c != '\n' && c != '\r') return false;
  }
  return text.rfind("-----") > text.rfind(end);
}

bool isDoorId(std::string_view id) {
  if (id.size() < 3 || id.size() > 64) return false;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const char c = id[i];
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!alnum && (i == 0 || (c != '_' && c != '-'))) return false;
  }
  return true;
}

Status setServer(Settings& settings, std::string_view value) {
  Origin origin;
  if (!parseHttpsOrigin(value, origin)) return Status::invalid_value;
  constexpr std::string_view defaultPort = ":443";   // an origin is written without it, and `aud` is compared as text
  if (origin.port == 443 && value.size() > 4 && value.substr(value.size() - 4) == defaultPort) value.remove_suffix(4);
  return store(settings.serverAddress, value);
}

Status setFailSafe(Settings& settings, std::string_view value) {
  if (value == "keep") settings.failSafe = FailSafe::keep;
  else if (value == "lock") settings.failSafe = FailSafe::lock;
  else if (value == "unlock") settings.failSafe = FailSafe::unlock;
  else return Status::invalid_value;
  return Status::ok;
}

Status addReleaseKey(Settings& settings, std::string_view pem) {
  if (!isPem(pem, "PUBLIC KEY-----")) return Status::invalid_value;
  for (auto& slot : settings.releaseKeys) {
    if (slot[0] == 0) return store(slot, pem);
  }
  return Status::too_big;
}

}  // namespace

const char* textOf(FailSafe mode) {
  switch (mode) {
    case FailSafe::keep: return "keep";
    case FailSafe::lock: return "lock";
    case FailSafe::unlock: return "unlock";
  }
  return "keep";
}

const SettingInfo* findSetting(std::string_view name) {
  for (const SettingInfo& info : settingTable) {
    if (name == info.name) return &info;
  }
  return nullptr;
}

bool isNumber(SettingId id) { return id == SettingId::failSafeAfterMs || id == SettingId::autoRelockMs; }

void reset(Settings& settings) {
  std::memset(static_cast<void*>(&settings), 0, sizeof settings);
  settings.failSafe = FailSafe::keep;
  settings.failSafeAfterMs = 300'000;
  settings.autoRelockMs = 5'000;
}

void clearReleaseKeys(Settings& settings) { std::memset(settings.releaseKeys, 0, sizeof settings.releaseKeys); }

Status setText(Settings& settings, SettingId id, std::string_view value) {
  switch (id) {
    case SettingId::wifiSsid:
      return value.empty() ? Status::invalid_value : store(settings.wifiSsid, value);
    case SettingId::wifiPassword:
      if (!value.empty() && (value.size() < 8 || !isPrintableAscii(value))) return Status::invalid_value;
      return store(settings.wifiPassword, value);
    case SettingId::serverAddress: return setServer(settings, value);
    case SettingId::caCertificate:
      return isPem(value, "CERTIFICATE-----") ? store(settings.caCertificate, value) : Status::invalid_value;
    case SettingId::doorId: return isDoorId(value) ? store(settings.doorId, value) : Status::invalid_value;
    case SettingId::enrolmentToken:
      return isPrintableAscii(value) ? store(settings.enrolmentToken, value) : Status::invalid_value;
    case SettingId::doorPassword:
      if (codePoints(value) < 8 || codePoints(value) > 128) return Status::invalid_value;
      return store(settings.doorPassword, value);
    case SettingId::failSafe: return setFailSafe(settings, value);
    case SettingId::releaseKeys: return addReleaseKey(settings, value);
    case SettingId::failSafeAfterMs:
    case SettingId::autoRelockMs: return Status::invalid_value;
  }
  return Status::invalid_value;
}

Status setNumber(Settings& settings, SettingId id, std::int64_t value) {
  constexpr std::int64_t dayMs = 86'400'000;
  constexpr std::int64_t hourMs = 3'600'000;
  if (value < 0 || value > (id == SettingId::failSafeAfterMs ? dayMs : hourMs)) return Status::invalid_value;
  if (id == SettingId::failSafeAfterMs) settings.failSafeAfterMs = static_cast<std::uint32_t>(value);
  else if (id == SettingId::autoRelockMs) settings.autoRelockMs = static_cast<std::uint32_t>(value);
  else return Status::invalid_value;
  return Status::ok;
}

std::string_view textValue(const Settings& settings, SettingId id) {
  switch (id) {
    case SettingId::wifiSsid: return settings.wifiSsid;
    case SettingId::wifiPassword: return settings.wifiPassword;
    case SettingId::serverAddress: return settings.serverAddress;
    case SettingId::caCertificate: return settings.caCertificate;
    case SettingId::doorId: return settings.doorId;
    case SettingId::enrolmentToken: return settings.enrolmentToken;
    case SettingId::doorPassword: return settings.doorPassword;
    case SettingId::failSafe: return textOf(settings.failSafe);
    case SettingId::releaseKeys: return settings.releaseKeys[0];
    case SettingId::failSafeAfterMs:
    case SettingId::autoRelockMs: break;
  }
  return {};
}

bool differsCritically(const Settings& a, const Settings& b) {
  for (const SettingInfo& info : settingTable) {
    if (info.critical && textValue(a, info.id) != textValue(b, info.id)) return true;
  }
  return false;
}

}  // namespace esplock
