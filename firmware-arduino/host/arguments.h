#pragma once

#include <cstdint>
#include <string>

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
};

struct Arguments {
  std::string doorId;
  std::string server;
  std::string caFile;
  std::string enrolmentToken;
  std::string stateDir;
  bool json = false;
  bool verbose = false;
  bool passwordStdin = false;
  bool untilEof = false;
  bool help = false;
  std::uint32_t probationMs = 180'000;
  std::uint32_t heldOpenMs = 30'000;
  std::uint32_t keyBits = 2048;
};

/// False with a one-line reason.
bool parseArguments(int count, char** values, Arguments& out, std::string& reason);
extern const char* const usageText;

}  // namespace host
