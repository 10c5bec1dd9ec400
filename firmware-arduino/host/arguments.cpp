#include "arguments.h"

#include <cstring>

namespace host {

const char* const usageText =
    "usage: esplock-door --door-id <id> --server https://host[:port] --ca <file> --state-dir <dir>\n"
    "                    [--enrol <token>] [--release-key <file>]... [--password-stdin] [--until-eof] [--json]\n"
    "                    [--verbose] [--probation-ms <n>] [--update-trial-ms <n>] [--held-open-ms <n>]\n"
    "                    [--slot-bytes <n>] [--key-bits 2048|3072|4096] [--sntp system|none|offset:<ms>]\n"
    "\n"
    "A door that is not made of wood: the firmware's core as a process. The state directory keeps settings, key and\n"
    "replay mark; arguments given again unchanged do not override what was configured since. The door password is\n"
    "asked for, or read as the first line of stdin with --password-stdin, when the state directory holds none.\n"
    "Further lines of stdin are console commands: help, contact open|closed|none, tamper on|off, network down|up,\n"
    "sntp system|none|offset:<ms> (what SNTP answers: the system's clock, nothing, or a wrong time), quit.\n"
    "Firmware signed by one of the release keys (up to four, PEM) is taken over the air: the image goes to one of two\n"
    "files in <state-dir>/slots and replaces this program. This process starts the image in charge as its child, and\n"
    "returns to the one before when a new one ends or hangs before a relay has welcomed it.\n"
    "With --until-eof the end of stdin is a quit, too: the door does not outlive the program that started it.\n"
    "\n"
    "exit codes: 0 stopped in order, 1 state directory unusable, 2 usage, 3 server unreachable or no relay,\n"
    "            4 certificate not trusted, 5 registration refused, 6 state directory in use\n";

namespace {

constexpr std::size_t maxReleaseKeys = 4;   // protocol 12.1

bool parseNumber(const char* text, std::uint32_t& out) {
  std::uint64_t value = 0;
  if (*text == '\0') return false;
  for (; *text != '\0'; ++text) {
    if (*text < '0' || *text > '9') return false;
    value = value * 10 + static_cast<std::uint64_t>(*text - '0');
    if (value > 86'400'000) return false;
  }
  out = static_cast<std::uint32_t>(value);
  return true;
}

struct TextOption {
  const char* name;
  std::string Arguments::* field;
};
struct FlagOption {
  const char* name;
  bool Arguments::* field;
};
struct NumberOption {
  const char* name;
  std::uint32_t Arguments::* field;
};

constexpr TextOption textOptions[] = {{"--door-id", &Arguments::doorId},
                                      {"--server", &Arguments::server},
                                      {"--ca", &Arguments::caFile},
                                      {"--enrol", &Arguments::enrolmentToken},
                                      {"--sntp", &Arguments::sntp},
                                      {"--state-dir", &Arguments::stateDir},
                                      {"--run-image", &Arguments::runImage}};
constexpr FlagOption flagOptions[] = {{"--json", &Arguments::json},
                                      {"--verbose", &Arguments::verbose},
                                      {"--password-stdin", &Arguments::passwordStdin},
                                      {"--until-eof", &Arguments::untilEof},
                                      {"--help", &Arguments::help}};
constexpr NumberOption numberOptions[] = {{"--probation-ms", &Arguments::probationMs},
                                          {"--update-trial-ms", &Arguments::updateTrialMs},
                                          {"--slot-bytes", &Arguments::slotBytes},
                                          {"--held-open-ms", &Arguments::heldOpenMs},
                                          {"--key-bits", &Arguments::keyBits}};

/// 0: not this kind of option, 1: taken, -1: wrong value.
int takeValue(const char* name, const char* value, Arguments& out) {
  for (const TextOption& option : textOptions) {
    if (std::strcmp(option.name, name) != 0) continue;
    if (value == nullptr || *value == '\0') return -1;
    out.*option.field = value;
    return 1;
  }
  if (std::strcmp(name, "--release-key") == 0) {
    if (value == nullptr || *value == '\0' || out.releaseKeyFiles.size() == maxReleaseKeys) return -1;
    out.releaseKeyFiles.emplace_back(value);
    return 1;
  }
  for (const NumberOption& option : numberOptions) {
    if (std::strcmp(option.name, name) != 0) continue;
    return value != nullptr && parseNumber(value, out.*option.field) ? 1 : -1;
  }
  return 0;
}

}  // namespace

bool parseArguments(int count, char** values, Arguments& out, std::string& reason) {
  for (int i = 1; i < count; ++i) {
    bool isFlag = false;
    for (const FlagOption& option : flagOptions) {
      if (std::strcmp(option.name, values[i]) != 0) continue;
      out.*option.field = true;
      isFlag = true;
    }
    if (isFlag) continue;
    const int taken = takeValue(values[i], i + 1 < count ? values[i + 1] : nullptr, out);
    if (taken <= 0) {
      reason = std::string(taken == 0 ? "unknown argument " : "missing or wrong value of ") + values[i];
      return false;
    }
    ++i;
  }
  if (out.help) return true;
  if (out.stateDir.empty()) reason = "--state-dir is missing";
  else if (out.keyBits != 2048 && out.keyBits != 3072 && out.keyBits != 4096) reason = "--key-bits: 2048, 3072 or 4096";
  return reason.empty();
}

}  // namespace host
