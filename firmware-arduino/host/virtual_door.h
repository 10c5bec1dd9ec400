#pragma once

#include <string>

#include "arguments.h"
#include "crypto/crypto.h"
#include "door/door.h"
#include "file_store.h"
#include "file_update_slot.h"
#include "lws_transport.h"
#include "platform.h"
#include "terminal.h"

namespace host {

/// One run of the door from power-on to restart or stop.
class VirtualDoor {
 public:
  enum class End { stopped, restart, failed };

  /// `slots`: where the images are; `running`: which of them this process is.
  VirtualDoor(const Arguments& arguments, FileStore& store, FileStore& slots, SlotId running, Terminal& terminal);
  ~VirtualDoor() { system_.finishWork(); }   // a key under way is written into the door: it must outlive the work

  /// Fills missing settings from the arguments; false with an exit code and a line on stderr.
  bool prepare(int& exitCode);
  End run(int& exitCode);

  static void requestStop();

 private:
  bool readArgumentFiles(std::string& ca, std::string& releaseKeys, int& exitCode);
  bool applyArguments(int& exitCode);
  bool stageReleaseKeys(const std::string& pems, int& exitCode);
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
  FileUpdateSlot updateSlot_;
  esplock::Door door_;
  esplock::Console console_;
  std::string shownKid_;
  static constexpr std::size_t givenCount = 5;
  std::uint8_t given_[givenCount][esplock::crypto::hashBytes] = {};   ///< what was last given, one hash an argument
  std::string input_;
  bool inputOpen_ = true;
  unsigned unreachable_ = 0;
};

}  // namespace host
