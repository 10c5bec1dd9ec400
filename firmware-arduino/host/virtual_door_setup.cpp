// What a run of the virtual door begins with: settings from the arguments, the password from whoever started it.
#include <termios.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "image_descriptor.h"
#include "virtual_door.h"

namespace host {
namespace {

using esplock::Status;
using esplock::StoreResult;

constexpr char argumentsName[] = "host.args";

bool readFile(const std::string& path, std::string& out) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  std::ostringstream text;
  text << file.rdbuf();
  out = text.str();
  return true;
}

/// One line from stdin, byte by byte, so that nothing of the console's input is swallowed.
bool readLine(std::string& out) {
  char c = 0;
  out.clear();
  while (::read(STDIN_FILENO, &c, 1) == 1) {
    if (c == '\n') return true;
    out += c;
    if (out.size() > 1024) return false;
  }
  return !out.empty();
}

}  // namespace

bool VirtualDoor::stage(const char* name, const std::string& value, int& exitCode) {
  const Status status = door_.stageSetting(name, value);
  if (status == Status::ok) return true;
  exitCode = exitUsage;
  Terminal::error(std::string(name) + ": " + textOf(status));
  return false;
}

bool VirtualDoor::prepare(int& exitCode) {
  if (!arguments_.sntp.empty() && !clock_.setSntp(arguments_.sntp)) {
    exitCode = exitUsage;
    Terminal::error("--sntp: system, none or offset:<ms>");
    return false;
  }
  const Status status = door_.start();
  if (status != Status::ok && status != Status::not_configured) {
    exitCode = exitFailed;
    Terminal::error(std::string("state directory: ") + textOf(status));
    return false;
  }
  if (!applyArguments(exitCode) || !askPassword(exitCode)) return false;
  const Status committed = door_.commitSettings();
  if (committed != Status::ok && committed != Status::not_found) {
    exitCode = exitFailed;
    Terminal::error(std::string("settings: ") + textOf(committed));
    return false;
  }
  // Only now: had it been noted before, a kill in between would leave the arguments taken for applied.
  if (!store_.write(argumentsName, given_[0], sizeof given_)) {
    exitCode = exitFailed;
    Terminal::error("cannot write to the state directory");
    return false;
  }
  char server[300] = "";
  door_.showSetting("serverAddress", server, sizeof server);
  terminal_.start(door_.doorId(), server, imageVersion());
  return true;
}

bool VirtualDoor::readArgumentFiles(std::string& ca, std::string& releaseKeys, int& exitCode) {
  exitCode = exitUsage;
  if (!arguments_.caFile.empty() && !readFile(arguments_.caFile, ca)) {
    Terminal::error("cannot read the CA file " + arguments_.caFile);
    return false;
  }
  for (const std::string& path : arguments_.releaseKeyFiles) {
    std::string pem;
    if (!readFile(path, pem) || pem.empty()) {
      Terminal::error("cannot read the release key " + path);
      return false;
    }
    releaseKeys += pem + (pem.back() == '\n' ? "" : "\n");
  }
  return true;
}

/// All of them at once, in place of those there were. A file may hold several.
bool VirtualDoor::stageReleaseKeys(const std::string& pems, int& exitCode) {
  constexpr char end[] = "-----END PUBLIC KEY-----\n";
  if (!stage("releaseKeys", "", exitCode)) return false;
  std::size_t from = 0;
  for (std::size_t at = pems.find(end); at != std::string::npos; at = pems.find(end, from)) {
    at += sizeof end - 1;
    if (!stage("releaseKeys", pems.substr(from, at - from), exitCode)) return false;
    from = at;
  }
  if (from == pems.size()) return true;
  exitCode = exitUsage;
  Terminal::error("releaseKeys: no public key in PEM");
  return false;
}

/// An argument counts when it is new: given again unchanged it must not undo a later `configure`, nor end a probation,
/// and one left out says nothing.
bool VirtualDoor::applyArguments(int& exitCode) {
  std::string ca;
  std::string releaseKeys;
  if (!readArgumentFiles(ca, releaseKeys, exitCode)) return false;
  std::size_t length = 0;
  const StoreResult noted = store_.read(argumentsName, given_[0], sizeof given_, length);
  // After a factory reset the note is still there, and speaks of nothing. One by older firmware is shorter.
  const bool isNote = noted == StoreResult::ok && length > 0 && length % sizeof given_[0] == 0;
  const bool isFirst = !isNote || door_.doorId().empty();
  if (isFirst && (arguments_.doorId.empty() || arguments_.server.empty() || ca.empty())) {
    exitCode = exitUsage;
    Terminal::error("a new state directory needs --door-id, --server and --ca");
    return false;
  }
  const std::pair<const char*, const std::string*> values[givenCount] = {{"doorId", &arguments_.doorId},
                                                                        {"serverAddress", &arguments_.server},
                                                                        {"caCertificate", &ca},
                                                                        {"enrolmentToken", &arguments_.enrolmentToken},
                                                                        {"releaseKeys", &releaseKeys}};
  for (std::size_t i = 0; i < givenCount; ++i) {
    const std::string& value = *values[i].second;
    std::uint8_t hash[esplock::crypto::hashBytes];
    if (value.empty()) continue;
    if (esplock::crypto::sha256(value.data(), value.size(), hash) != Status::ok) return false;
    if (!isFirst && std::memcmp(hash, given_[i], sizeof hash) == 0) continue;
    const bool isKeys = values[i].second == &releaseKeys;
    if (!(isKeys ? stageReleaseKeys(value, exitCode) : stage(values[i].first, value, exitCode))) return false;
    std::memcpy(given_[i], hash, sizeof hash);
  }
  return true;
}

bool VirtualDoor::askPassword(int& exitCode) {
  char stored[16] = "";
  if (door_.showSetting("doorPassword", stored, sizeof stored) != Status::ok) stored[0] = '\0';
  if (std::string(stored) == "(set)") return true;
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  if (!terminal && !arguments_.passwordStdin) {
    exitCode = exitUsage;
    Terminal::error("no door password yet: give it on stdin with --password-stdin");
    return false;
  }
  termios before{};
  if (terminal) {
    const char prompt[] = "Door password (8 to 128 characters): ";
    const ssize_t written = ::write(STDERR_FILENO, prompt, sizeof prompt - 1);
    (void)written;
    ::tcgetattr(STDIN_FILENO, &before);
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  std::string password;
  const bool got = readLine(password);
  if (terminal) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  if (!password.empty() && password.back() == '\r') password.pop_back();
  const bool good = got && stage("doorPassword", password, exitCode);
  if (!got) {
    exitCode = exitUsage;
    Terminal::error("no door password on stdin");
  }
  return good;
}

}  // namespace host
