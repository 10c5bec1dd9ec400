#include "virtual_door.h"

#include <poll.h>
#include <unistd.h>

#include <csignal>

#include "image_descriptor.h"

namespace host {
namespace {

using esplock::StoreResult;
using esplock::TransportError;

volatile std::sig_atomic_t stopRequested = 0;

constexpr char enrolledName[] = "host.enrolled";
constexpr unsigned unreachableLimit = 4;   ///< tries before a server never reached is called wrong

esplock::DoorOptions optionsOf(const Arguments& arguments) {
  esplock::DoorOptions options;
  options.rsaKeyBits = arguments.keyBits;
  options.commandsPerSecond = 20;   // a processor of the host's kind opens hundreds
  options.commandBurst = 40;
  options.probationMs = arguments.probationMs;
  options.updateTrialMs = arguments.updateTrialMs;
  options.heldOpenAfterMs = arguments.heldOpenMs;
  return options;
}

}  // namespace

void VirtualDoor::requestStop() { stopRequested = 1; }

VirtualDoor::VirtualDoor(const Arguments& arguments, FileStore& store, FileStore& slots, SlotId running,
                         Terminal& terminal)
    : arguments_(arguments),
      store_(store),
      terminal_(terminal),
      system_(store, random_),
      updateSlot_(slots, running, arguments.slotBytes),
      door_({clock_, random_, store_, transport_, transport_, transport_, terminal_, terminal_, terminal_, system_, &contact_, &tamper_,
             &updateSlot_, &terminal_},
            {imageVersion(), imageBoard(), imageSecurityVersion()}, optionsOf(arguments)),
      console_(door_, terminal_) {
  tamper_.set(true, false);
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
    const esplock::UpdateStatus update = door_.update();
    terminal_.progress(update.state == esplock::UpdateState::downloading ? update.percent : 0);
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
  const int status = trouble.closed ? 0 : trouble.detail;
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
  if (console_.line(line)) {
    if (line == "help") terminal_.print("contact open|closed|none | tamper on|off | network down|up | sntp system|none|offset:<ms> | quit");
    return;
  }
  if (line == "quit") requestStop();
  else if (line == "contact open") contact_.set(true, true);
  else if (line == "contact closed") contact_.set(true, false);
  else if (line == "contact none") contact_.set(false, false);
  else if (line == "tamper on") tamper_.set(true, true);
  else if (line == "tamper off") tamper_.set(true, false);
  else if (line.rfind("sntp ", 0) == 0) terminal_.print(clock_.setSntp(line.substr(5)) ? "ok" : "sntp system, none or offset:<ms>");
  else if (line == "network down") transport_.setCut(true);
  else if (line == "network up") transport_.setCut(false);
  else terminal_.print("unknown command; try help");   // not repeated: it may be a password gone astray
}

}  // namespace host
