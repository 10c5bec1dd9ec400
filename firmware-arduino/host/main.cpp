#include <csignal>
#include <cstdio>
#include <memory>

#include "virtual_door.h"

namespace {

void onSignal(int) { host::VirtualDoor::requestStop(); }

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
  host::FileStore store;
  const host::FileStore::OpenResult opened = store.open(arguments.stateDir);
  if (opened != host::FileStore::OpenResult::ok) {
    const bool inUse = opened == host::FileStore::OpenResult::in_use;
    host::Terminal::error(inUse ? "another process is this door already: " + arguments.stateDir
                                : "cannot use the state directory " + arguments.stateDir);
    return inUse ? host::exitInUse : host::exitFailed;
  }
  std::signal(SIGTERM, onSignal);
  std::signal(SIGINT, onSignal);
  std::signal(SIGPIPE, SIG_IGN);
  host::Terminal terminal(arguments.json, arguments.verbose);
  for (;;) {
    // A restart is a new door on the same state, as on the board.
    int exitCode = host::exitFailed;
    const auto door = std::make_unique<host::VirtualDoor>(arguments, store, terminal);
    if (!door->prepare(exitCode)) return exitCode;
    if (door->run(exitCode) != host::VirtualDoor::End::restart) return exitCode;
    terminal.stopped("restart");
  }
}
