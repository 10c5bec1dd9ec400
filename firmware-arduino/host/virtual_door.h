#pragma once

#include <string>

#include "arguments.h"
#include "crypto/crypto.h"
#include "esplock/door.h"
#include "file_store.h"
#include "lws_transport.h"
#include "platform.h"
#include "terminal.h"

namespace host {

/// One run of the door from power-on to restart or stop.
class VirtualDoor {
 public:
  enum class End { stopped, restart, failed };

  VirtualDoor(const Arguments& arguments, FileStore& store, Terminal& terminal);
  ~VirtualDoor() { system_.finishWork(); }   // a key under way is written into the door: it must outlive the work

  /// Fills missing settings from the arguments; false with an exit code and a line on stderr.
  bool prepare(int& exitCode);
  End run(int& exitCode);

  static void requestStop();

 private:
  bool applyArguments(int& exitCode);
  bool stage(const char* name, const std::string& value, int& exitCode);
  bool askPassword(int& exitCode);
  bool giveUp(int& exitCode);
  void readConsole();
  void consoleLine(const std::string& line);

  const Arguments& arguments_;
  FileStore& store_;
  Terminal& terminal_;
  HostClock clock_;
  HostRandom random_;
  HostSystem system_;
  HostInputPin contact_;
  HostInputPin tamper_;
  LwsTransport transport_;
  esplock::Door door_;
  esplock::Console console_;
  std::string shownKid_;
  static constexpr std::size_t givenCount = 4;
  std::uint8_t given_[givenCount][esplock::crypto::hashBytes] = {};   ///< what was last given, one hash an argument
  std::string input_;
  bool inputOpen_ = true;
  unsigned unreachable_ = 0;
};

}  // namespace host
