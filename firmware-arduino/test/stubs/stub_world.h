// What the stub headers record and what tests tell them to answer. The stubs hold only what src/ uses, with the types
// of the real headers, and behave like the real libraries where a trap is known (docs/door.md, "What has been run").
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace stub {

using Blob = std::vector<std::uint8_t>;

struct PinEvent {
  enum class Kind { level, output, input } kind;
  int pin;
  unsigned level;
  friend bool operator==(const PinEvent& a, const PinEvent& b) {
    return a.kind == b.kind && a.pin == b.pin && a.level == b.level;
  }
};

struct Task {
  void (*function)(void*);
  std::string name;
  std::uint32_t stackBytes;
  void* argument;
  unsigned priority;
};

/// One thing the relay does on the socket once the connection stands.
struct SocketStep {
  enum class Kind { upgrade, text, binary, fragment, close, cut } kind;
  int httpStatus = 0;   ///< of an upgrade; of a close the code, 0 for none
  std::string text;   ///< upgrade: the subprotocol selected; text: the frame
  bool saysUpgrade = false;   ///< a refusal with `Connection: upgrade`, of which the library speaks otherwise
};

struct HttpAnswer {
  int code = 0;             ///< negative: an error of the library
  std::string body;
  int tlsError = 0;
};

struct World {
  std::uint64_t nowMs = 1000;

  std::vector<PinEvent> pins;
  std::map<int, int> inputLevels;

  std::map<std::string, std::map<std::string, Blob>> nvs;   ///< "partition/namespace" -> key -> value
  std::size_t longestKey = 0;
  bool nvsBroken = false;

  bool radioOn = false;
  bool radioEverOff = false;
  bool wifiPersistent = true;
  bool wifiAllChannels = false;
  bool wifiBySignal = true;
  int wifiStatus = 6;   // WL_DISCONNECTED
  std::vector<std::string> wifiJoins;

  bool sntpRunning = false;
  int sntpStarts = 0;
  std::map<int, std::string> sntpServers;
  void (*sntpCallback)(struct timeval*) = nullptr;

  bool efuseBurnt = false;
  bool hmacWorks = true;

  int watchdogFed = 0;
  bool watchdogWatching = false;
  std::uint32_t watchdogIdleMask = 99;
  std::uint32_t watchdogTimeoutMs = 0;

  int restarts = 0;
  std::vector<Task> tasks;
  bool taskCreationFails = false;
  unsigned ownStackLeft = 5000;          ///< of the task that asks
  unsigned netStackLeft = 4000;

  bool serialBegun = false;
  std::size_t serialRxBuffer = 256;
  std::string serialIn;
  std::string serialOut;
  std::vector<std::uint32_t> pixels;

  int setInsecureCalls = 0;
  std::vector<std::string> cas;          ///< the CA of every connection, as it read when it was needed

  std::function<HttpAnswer(const std::string& path, const std::string& body)> http;
  std::vector<unsigned long> handshakeSeconds;   ///< every setHandshakeTimeout, in order
  unsigned long handshakeTakesMs = 0;            ///< how long the server takes for its part

  int connects = 0;                      ///< TLS connections tried
  int connectError = 0;                  ///< 0: they succeed
  int wildPointers = 0;                  ///< times a pointer that nobody set was followed
  bool sendFails = false;                ///< the peer takes nothing more
  std::string handshake;                 ///< what the library would have sent
  std::deque<SocketStep> steps;
  std::vector<std::string> sent;
  std::vector<int> closeCodes;
};

/// Made on first use: the pin trace begins before main().
World& world();
void reset();

/// Runs a recorded task that ends by itself, and forgets it. False when there is none of that name.
bool runTask(const std::string& name);

}  // namespace stub
