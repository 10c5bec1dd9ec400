#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace host {

/// Exit codes of esplock-door, also in its --help.
enum ExitCode : int {
  exitDone = 0,
  exitFailed = 1,         ///< state directory unusable or damaged
  exitUsage = 2,
  exitUnreachable = 3,    ///< the server cannot be reached or is no OpenLock relay
  exitUntrusted = 4,      ///< the server's certificate is not signed by the CA or is for another name
  exitRefused = 5,        ///< the relay refused the enrolment token, the key or the door
  exitInUse = 6,          ///< another process holds the state directory
  exitRestart = 10,       ///< of an image only, to its supervisor: start me, or what the slots say, again
};

struct Arguments {
  std::string doorId;
  std::string server;
  std::string caFile;
  std::string enrolmentToken;
  std::string stateDir;
  std::string sntp;       ///< `system`, `none` or `offset:<ms>`; empty: the system's clock
  std::vector<std::string> releaseKeyFiles;
  std::string runImage;   ///< the slot this process is the image of; empty: it is the supervisor
  bool json = false;
  bool verbose = false;
  bool passwordStdin = false;
  bool untilEof = false;
  bool help = false;
  std::uint32_t probationMs = 180'000;
  std::uint32_t updateTrialMs = 180'000;
  std::uint32_t slotBytes = 4u << 20;
  std::uint32_t heldOpenMs = 30'000;
  std::uint32_t keyBits = 2048;
};

/// False with a one-line reason.
bool parseArguments(int count, char** values, Arguments& out, std::string& reason);
extern const char* const usageText;

}  // namespace host
