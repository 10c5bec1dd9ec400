// What the owner sets, and the rules for it (protocol 6.3). The names are those of `configure`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace esplock {

enum class FailSafe : std::uint8_t { keep, lock, unlock };
const char* textOf(FailSafe mode);

struct Settings {
  static constexpr std::size_t maxReleaseKeys = 4;

  char wifiSsid[33] = {};
  char wifiPassword[64] = {};
  char serverAddress[256] = {};
  char caCertificate[4097] = {};
  char doorId[65] = {};
  char enrolmentToken[129] = {};
  char doorPassword[513] = {};      ///< 128 characters of up to four bytes
  FailSafe failSafe = FailSafe::keep;
  std::uint32_t failSafeAfterMs = 300'000;   ///< 0: never
  std::uint32_t autoRelockMs = 5'000;        ///< 0: stays unlocked
  char releaseKeys[maxReleaseKeys][257] = {};

  /// Everything a relay connection needs is there.
  bool complete() const {
    return serverAddress[0] != 0 && caCertificate[0] != 0 && doorId[0] != 0 && doorPassword[0] != 0;
  }
};

enum class SettingId : std::uint8_t {
  wifiSsid,
  wifiPassword,
  serverAddress,
  caCertificate,
  doorId,
  enrolmentToken,
  doorPassword,
  failSafe,
  failSafeAfterMs,
  autoRelockMs,
  releaseKeys,
};
constexpr std::size_t settingCount = 11;

struct SettingInfo {
  SettingId id;
  const char* name;
  bool secret;     ///< never shown
  bool critical;   ///< can cut the door off from its relay: kept on probation
};
/// Back to the defaults, in place: a temporary of this size has no business on a small stack.
void reset(Settings& settings);

extern const SettingInfo settingTable[settingCount];

const SettingInfo* findSetting(std::string_view name);

/// Checks and sets a text. Release keys given this way are one key, added to those there are.
Status setText(Settings& settings, SettingId id, std::string_view value);
Status setNumber(Settings& settings, SettingId id, std::int64_t value);
bool isNumber(SettingId id);
void clearReleaseKeys(Settings& settings);

/// The stored text of a text setting, empty for numbers; of release keys the first.
std::string_view textValue(const Settings& settings, SettingId id);

/// True when a critical setting differs. The CA counts too: a wrong one cuts the door off like a wrong address.
bool differsCritically(const Settings& a, const Settings& b);

}  // namespace esplock
