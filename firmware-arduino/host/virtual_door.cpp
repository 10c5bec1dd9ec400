#include "virtual_door.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace host {
namespace {

using esplock::Status;
using esplock::StoreResult;
using esplock::TransportError;

volatile std::sig_atomic_t stopRequested = 0;

constexpr char enrolledName[] = "host.enrolled";
constexpr char argumentsName[] = "host.args";
constexpr unsigned unreachableLimit = 4;   ///< tries before a server never reached is called wrong

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

esplock::DoorOptions optionsOf(const Arguments& arguments) {
  esplock::DoorOptions options;
  options.rsaKeyBits = arguments.keyBits;
  options.probationMs = arguments.probationMs;
  options.heldOpenAfterMs = arguments.heldOpenMs;
  return options;
}

}  // namespace

void VirtualDoor::requestStop() { stopRequested = 1; }

VirtualDoor::VirtualDoor(const Arguments& arguments, FileStore& store, Terminal& terminal)
    : arguments_(arguments),
      store_(store),
      terminal_(terminal),
      system_(store, random_),
      door_({clock_, random_, store_, transport_, terminal_, terminal_, terminal_, system_, &contact_, &tamper_, nullptr,
             &terminal_},
            {ESPLOCK_VERSION, "host", 1}, optionsOf(arguments)),
      console_(door_, terminal_) {
  tamper_.set(true, false);
}

bool VirtualDoor::stage(const char* name, const std::string& value, int& exitCode) {
  const Status status = door_.stageSetting(name, value);
  if (status == Status::ok) return true;
  exitCode = exitUsage;
  Terminal::error(std::string(name) + ": " + textOf(status));
  return false;
}

bool VirtualDoor::prepare(int& exitCode) {
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
  terminal_.start(door_.doorId(), server);
  return true;
}

/// An argument counts when it is new: given again unchanged it must not undo a later `configure`, nor end a probation,
/// and one left out says nothing.
bool VirtualDoor::applyArguments(int& exitCode) {
  std::string ca;
  if (!arguments_.caFile.empty() && !readFile(arguments_.caFile, ca)) {
    exitCode = exitUsage;
    Terminal::error("cannot read the CA file " + arguments_.caFile);
    return false;
  }
  std::size_t length = 0;
  const StoreResult noted = store_.read(argumentsName, given_[0], sizeof given_, length);
  // After a factory reset the note is still there, and speaks of nothing.
  const bool isFirst = noted != StoreResult::ok || length != sizeof given_ || door_.doorId().empty();
  if (isFirst && (arguments_.doorId.empty() || arguments_.server.empty() || ca.empty())) {
    exitCode = exitUsage;
    Terminal::error("a new state directory needs --door-id, --server and --ca");
    return false;
  }
  const std::pair<const char*, const std::string*> values[givenCount] = {{"doorId", &arguments_.doorId},
                                                                        {"serverAddress", &arguments_.server},
                                                                        {"caCertificate", &ca},
                                                                        {"enrolmentToken", &arguments_.enrolmentToken}};
  for (std::size_t i = 0; i < givenCount; ++i) {
    const std::string& value = *values[i].second;
    std::uint8_t hash[esplock::crypto::hashBytes];
    if (value.empty()) continue;
    if (esplock::crypto::sha256(value.data(), value.size(), hash) != Status::ok) return false;
    if (!isFirst && std::memcmp(hash, given_[i], sizeof hash) == 0) continue;
    if (!stage(values[i].first, value, exitCode)) return false;
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

VirtualDoor::End VirtualDoor::run(int& exitCode) {
  bool stopping = false;
  std::uint64_t stopLimitMs = 0;
  for (;;) {
    transport_.service();
    readConsole();
    door_.poll();
    if (door_.kid() != shownKid_) {
      shownKid_ = door_.kid();
      if (!shownKid_.empty()) terminal_.key(shownKid_);
    }
    if (system_.restartWanted()) return End::restart;
    if (!stopping && giveUp(exitCode)) return End::failed;
    if (stopRequested != 0 && !stopping) {
      stopping = true;
      stopLimitMs = clock_.monotonicMs() + 3'000;
      door_.stop();
    }
    if (stopping && (door_.isStopped() || clock_.monotonicMs() > stopLimitMs)) {
      terminal_.stopped("asked to");
      exitCode = exitDone;
      return End::stopped;
    }
  }
}

/// A door that has never been accepted gives up on what will not mend itself; one that has keeps trying for ever.
bool VirtualDoor::giveUp(int& exitCode) {
  std::uint8_t flag = 1;
  std::size_t length = 0;
  if (door_.sessionState() == esplock::SessionState::live) {
    if (terminal_.everLive() && store_.read(enrolledName, &flag, 1, length) == StoreResult::missing) {
      store_.write(enrolledName, &flag, 1);
    }
    unreachable_ = 0;
  }
  esplock::SessionTrouble trouble;
  std::string code;
  if (!terminal_.takeTrouble(trouble, code)) return false;
  if (terminal_.everLive() || store_.read(enrolledName, &flag, 1, length) == StoreResult::ok) return false;
  if (trouble.error == TransportError::untrusted) {
    exitCode = exitUntrusted;
    Terminal::error("the server's certificate is not signed by the given CA, or is for another name");
    return true;
  }
  const int status = trouble.httpStatus;
  if (status == 400 || status == 401 || status == 403 || status == 409) {
    exitCode = exitRefused;
    Terminal::error("registration refused (" + std::to_string(status) + " " + (code.empty() ? "no code" : code) +
                    "): is the enrolment token right and unused, and the door id its own?");
    return true;
  }
  if (status == 429 || status >= 500 || ++unreachable_ < unreachableLimit) return false;
  exitCode = exitUnreachable;
  Terminal::error(status != 0 ? "the server answers, but is no OpenLock relay (" + std::to_string(status) + ")"
                              : std::string("the server cannot be reached: ") + textOf(trouble.error));
  return true;
}

void VirtualDoor::readConsole() {
  pollfd descriptor{STDIN_FILENO, POLLIN, 0};
  while (inputOpen_ && ::poll(&descriptor, 1, 0) > 0) {
    char buffer[512];
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got <= 0) {
      inputOpen_ = false;
      if (arguments_.untilEof) requestStop();
      return;
    }
    input_.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      const std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      consoleLine(line);
    }
    if (input_.size() > 8192) input_.clear();
  }
}

void VirtualDoor::consoleLine(const std::string& line) {
  if (console_.line(line)) return;
  if (line == "quit") requestStop();
  else if (line == "contact open") contact_.set(true, true);
  else if (line == "contact closed") contact_.set(true, false);
  else if (line == "contact none") contact_.set(false, false);
  else if (line == "tamper on") tamper_.set(true, true);
  else if (line == "tamper off") tamper_.set(true, false);
  else if (line == "network down") transport_.setCut(true);
  else if (line == "network up") transport_.setCut(false);
  else terminal_.print("unknown command; try help");   // not repeated: it may be a password gone astray
}

}  // namespace host
