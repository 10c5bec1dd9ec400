// The façade: everything a board (or the host) needs to be a door.
//
// Wiring: build the ports, build one Door (static: it is tens of KiB and never allocates on the command path), call
// start() as the very first thing of the boot, then poll() from one task with at least 12 KiB of stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "channels/session_state.h"
#include "light/pattern.h"
#include "lock/lock_types.h"
#include "ports/channel.h"
#include "ports/clock.h"
#include "ports/https.h"
#include "ports/input_pin.h"
#include "ports/key_value_store.h"
#include "ports/light_strip.h"
#include "ports/log.h"
#include "ports/network.h"
#include "ports/output_pin.h"
#include "ports/random.h"
#include "ports/system.h"
#include "ports/update_slot.h"
#include "update/update_state.h"

namespace esplock {

/// Told of changes as they happen, for a terminal or a display. Calls come from inside poll(); do not call back.
class DoorObserver {
 public:
  virtual ~DoorObserver() = default;
  virtual void onLock(LockReading reading) { (void)reading; }
  virtual void onSession(SessionState state) { (void)state; }
  virtual void onLight(LightPattern pattern) { (void)pattern; }

  /// Registration or connection failed.
  virtual void onSessionTrouble(SessionTrouble trouble) { (void)trouble; }
  virtual void onCommand(const char* act, ReceiptCode code) { (void)act; (void)code; }

  /// How a factory reset ended, also one that had to wait or was begun before a power cut. After `ok` the door restarts as
  /// new; after anything else it says so (the log has `factory_reset`), and what is left goes at its next start.
  virtual void onFactoryReset(Status status) { (void)status; }

  /// An update moves on: "downloading", "verified", "rebooting", "confirmed", "rolled_back" or "failed"; `code` "" or why.
  virtual void onUpdate(const char* phase, const char* version, const char* code) {
    (void)phase;
    (void)version;
    (void)code;
  }
};

/// References must outlive the Door. Pointers may be null where the part is not fitted.
struct DoorPorts {
  Clock& clock;
  Random& random;
  KeyValueStore& store;
  Network& network;
  Https& https;
  Channel& channel;
  OutputPin& relay;
  LightStrip& light;
  Log& log;
  System& system;
  InputPin* contact = nullptr;
  InputPin* tamper = nullptr;
  UpdateSlot* updateSlot = nullptr;
  DoorObserver* observer = nullptr;
};

/// What the running image says of itself (protocol 4.4); strings must be literals, or live as long as the Door.
struct FirmwareInfo {
  const char* version = "0.0.0";
  const char* board = "unknown";
  std::uint32_t securityVersion = 0;

  /// Public PEMs that releases may be signed by, as the build brings them; in force while the owner has set none.
  const char* releaseKeys[maxReleaseKeyCount] = {};
};

/// Build-time choices; all times in milliseconds. The owner's choices are settings, changed by `configure`.
struct DoorOptions {
  std::size_t rsaKeyBits = 2048;                  ///< 2048 to 4096 (protocol 4.2)
  std::uint32_t commandsPerSecond = 2;            ///< refill of the bucket in front of decryption; 0: no limit
  std::uint32_t commandBurst = 5;                 ///< a board's numbers: one takes it 0.7 s
  std::uint32_t heldOpenAfterMs = 30'000;         ///< an open leaf is `held_open` after this; 0: never
  std::uint32_t contactDebounceMs = 50;           ///< of contact and tamper switch
  bool boltWaitsForLeaf = true;                   ///< interlock: no bolt is thrown into an open door
  std::uint32_t boltWaitMs = 60'000;              ///< longest; an open contact may be a cut wire. 0: it waits for ever
  std::uint32_t probationMs = 180'000;            ///< a critical change not accepted in this time is taken back
  std::uint32_t updateTrialMs = 180'000;          ///< a new image not welcomed in this time gives way to the old one
  std::uint32_t updateStallMs = 60'000;           ///< a download that gets no byte for so long is given up, to be resumed
  std::uint32_t updateRelockWaitMs = 600'000;     ///< how long a verified update waits for an unlocked door to lock
  unsigned updateWindow = 1;                      ///< blocks asked for at a time, 1 to 4: so many are sent twice after a cut
};

class Door {
 public:
  Door(const DoorPorts& ports, const FirmwareInfo& firmware, const DoorOptions& options = {});
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  /// Locks first, before anything else, then loads settings and key. Never fails as a lock: on trouble the door stays
  /// locked, shows red, logs, and the returned status says why. `not_configured` is the normal answer of a new device.
  Status start();

  /// One turn of everything; call at least every 20 ms. Blocks for one RSA operation at the very most.
  void poll();

  /// Closes the socket in order (1001) and stops connecting; poll until `isStopped()`. The lock model goes on.
  void stop();
  bool isStopped() const;

  SessionState sessionState() const;
  LockReading lock() const;

  /// Key id (RFC 7638 thumbprint, 43 characters), empty until there is a key.
  std::string_view kid() const;
  std::string_view doorId() const;

  /// ---- The owner at the device: serial console, or the host's stdin. Not reachable from the network. ----

  /// Sets one setting by the name `configure` uses ("wifiSsid", "serverAddress", "caCertificate", "doorPassword",
  /// "releaseKeys" ...; numbers in decimal). Collected until commitSettings().
  Status stageSetting(std::string_view name, std::string_view value);

  /// Validates and stores what was staged, without probation: the owner stands at the device. The session starts anew.
  Status commitSettings();

  /// One setting as text, secrets as "(set)"; `not_found` for an unknown name.
  Status showSetting(std::string_view name, char* out, std::size_t capacity) const;

  /// Forgets the replay mark (protocol 6.6) after a clock gone wrong. The ring stays: nothing runs twice by it. `busy`:
  /// there is no time yet to tell by what of it is in the future.
  Status clearMark();

  /// Erases settings, key and mark; the door restarts as new. `busy`: a key is being made, and it is carried out when that
  /// is done. The observer is told the end in every case.
  Status factoryReset();

  void restart();

  UpdateStatus update() const;

  /// The last 200 log entries, oldest first.
  std::size_t logCount() const;
  bool logEntry(std::size_t index, std::uint64_t& atMs, LogLevel& level, const char*& cause,
                std::int64_t& detail) const;

  struct Parts;   ///< the composition, in parts.h; public for its size to be told, not for use

 private:
  std::unique_ptr<Parts> parts_;   // made once, in the constructor
};

}  // namespace esplock
