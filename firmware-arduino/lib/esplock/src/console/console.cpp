#include "console/console.h"

#include <cstdio>
#include <cstring>

#include "config/settings.h"
#include "crypto/crypto.h"

namespace esplock {
namespace {

/// First word of `rest`, which is moved past it.
std::string_view word(std::string_view& rest) {
  const std::size_t start = rest.find_first_not_of(' ');
  if (start == std::string_view::npos) return rest = {};
  rest.remove_prefix(start);
  const std::size_t end = rest.find(' ');
  const std::string_view result = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return result;
}

}  // namespace

bool Console::line(std::string_view text) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (collecting_) {
    collect(text);
    return true;
  }
  if (text.size() > maxLine) {
    say(Status::too_big);
    return true;
  }
  std::string_view rest = text;
  const std::string_view command = word(rest);
  if (command.empty()) return true;
  if (command == "help") {
    out_.print("show | kid | session | lock-state | update | log [n] | set <name> [value] | commit | clear-mark | "
               "restart | factory-reset yes");
  } else if (command == "show") show();
  else if (command == "kid") out_.print(door_.kid().empty() ? std::string_view("(no key yet)") : door_.kid());
  else if (command == "session") out_.print(textOf(door_.sessionState()));
  else if (command == "lock-state") out_.print(textOf(door_.lock().reported));
  else if (command == "update") showUpdate();
  else if (command == "log") showLog(word(rest));
  else if (command == "set") set(rest);
  else if (command == "commit") say(door_.commitSettings());
  else if (command == "clear-mark") say(door_.clearMark());
  else if (command == "restart") door_.restart();
  else if (command == "factory-reset") factoryReset(word(rest));
  else return false;
  return true;
}

void Console::say(Status status) { out_.print(textOf(status)); }

void Console::factoryReset(std::string_view answer) {
  const Status status = answer == "yes" ? door_.factoryReset() : Status::invalid_value;
  if (status == Status::busy) return out_.print("a key is being made; the reset follows when that is done");
  say(status);
}

void Console::show() {
  char value[300];
  char text[360];
  for (const SettingInfo& info : settingTable) {
    if (door_.showSetting(info.name, value, sizeof value) != Status::ok) continue;
    const int length = std::snprintf(text, sizeof text, "%s = %s", info.name, value);
    if (length > 0) out_.print({text, static_cast<std::size_t>(length)});
  }
  out_.print(door_.kid().empty() ? std::string_view("kid: none yet") : door_.kid());
}

void Console::showUpdate() {
  const UpdateStatus update = door_.update();
  char text[200];
  int length = std::snprintf(text, sizeof text, "update: %s", textOf(update.state));
  if (update.version[0] != '\0') {
    length = std::snprintf(text, sizeof text, "update: %s, version %s, %u %%", textOf(update.state), update.version,
                           update.percent);
  }
  if (length > 0) out_.print({text, static_cast<std::size_t>(length)});
  if (update.onTrial) out_.print("this image is on trial until a relay welcomes it");
  if (update.lastCode[0] != '\0') out_.print(update.lastCode);
  length = std::snprintf(text, sizeof text, "security version: at least %lu",
                         static_cast<unsigned long>(update.securityFloor));
  if (length > 0) out_.print({text, static_cast<std::size_t>(length)});
}

void Console::showLog(std::string_view count) {
  std::size_t wanted = 0;
  for (const char c : count) {
    if (c >= '0' && c <= '9' && wanted < 1000) wanted = wanted * 10 + static_cast<std::size_t>(c - '0');
  }
  const std::size_t total = door_.logCount();
  for (std::size_t i = wanted == 0 || wanted > total ? 0 : total - wanted; i < total; ++i) {
    std::uint64_t atMs = 0;
    std::int64_t detail = 0;
    LogLevel level = LogLevel::info;
    const char* cause = "";
    char text[120];
    if (!door_.logEntry(i, atMs, level, cause, detail)) return;
    const int length = std::snprintf(text, sizeof text, "%llu %s %s %lld", static_cast<unsigned long long>(atMs),
                                     textOf(level), cause, static_cast<long long>(detail));
    if (length > 0) out_.print({text, static_cast<std::size_t>(length)});
  }
}

void Console::set(std::string_view rest) {
  const std::string_view name = word(rest);
  if (findSetting(name) == nullptr) return say(Status::not_found);
  if (!rest.empty()) return say(door_.stageSetting(name, rest));
  std::memcpy(name_, name.data(), name.size());
  name_[name.size()] = '\0';
  valueLength_ = 0;
  collecting_ = true;
}

void Console::collect(std::string_view text) {
  if (text != ".") {
    // One past the end marks a value too long; it is refused at its end, not cut.
    if (valueLength_ + text.size() + 1 > maxValue) valueLength_ = maxValue + 1;
    if (valueLength_ > maxValue) return;
    std::memcpy(value_ + valueLength_, text.data(), text.size());
    valueLength_ += text.size();
    value_[valueLength_++] = '\n';
    return;
  }
  collecting_ = false;
  const bool tooLong = valueLength_ > maxValue;
  std::string_view value(value_, tooLong ? 0 : valueLength_);
  const SettingInfo* info = findSetting(name_);
  const bool isPem = info->id == SettingId::caCertificate || info->id == SettingId::releaseKeys;
  if (!isPem && !value.empty()) value.remove_suffix(1);
  say(tooLong ? Status::too_big : door_.stageSetting(name_, value));
  crypto::wipe(value_, sizeof value_);
  valueLength_ = 0;
}

}  // namespace esplock
