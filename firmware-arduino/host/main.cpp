#include <csignal>
#include <cstdio>

#include "supervisor.h"
#include "virtual_door.h"

namespace {

/// A killed image lets go of the state a moment after its supervisor has gone, and a new supervisor may be quick.
constexpr unsigned lockPatienceMs = 5'000;

void onSignal(int) { host::VirtualDoor::requestStop(); }

/// One run of the door, from power-on to restart or stop.
int runImage(const host::Arguments& arguments) {
  host::SlotId slot = host::SlotId::factory;
  host::FileStore store;
  host::FileStore slots;
  if (!host::slotNamed(arguments.runImage, slot) ||
      store.open(arguments.stateDir, lockPatienceMs) != host::FileStore::OpenResult::ok ||
      slots.openUnlocked(arguments.stateDir + "/slots") != host::FileStore::OpenResult::ok) {
    host::Terminal::error("cannot use the state directory " + arguments.stateDir);
    return host::exitFailed;
  }
  std::signal(SIGTERM, onSignal);
  std::signal(SIGINT, onSignal);
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);   // the supervisor has left them blocked until here
  host::Terminal terminal(arguments.json, arguments.verbose);
  int exitCode = host::exitFailed;
  host::VirtualDoor door(arguments, store, slots, slot, terminal);
  if (!door.prepare(exitCode) || door.run(exitCode) != host::VirtualDoor::End::restart) return exitCode;
  terminal.stopped("restart");
  return host::exitRestart;
}

}  // namespace

int main(int count, char** values) {
  host::Arguments arguments;
  std::string reason;
  if (!host::parseArguments(count, values, arguments, reason)) {
    host::Terminal::error(reason + " (--help tells more)");
    return host::exitUsage;
  }
  if (arguments.help) {
    std::fputs(host::usageText, stdout);
    return host::exitDone;
  }
  if (!arguments.runImage.empty()) return runImage(arguments);
  return host::Supervisor(arguments, values).run();
}
