// Updates over the air (protocol 12.4 to 12.7): offer, check, download in blocks, two digests, switch. Never waits: a block
// or a slice of reading a turn, and the lock goes on working.
//
// At most `window` blocks are asked for and not yet durable, so a cut costs no more than these being sent again. Only
// the relay's own words count as answers: bytes nobody asked for are dropped.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/rate_gate.h"
#include "config/settings_manager.h"
#include "light/light_player.h"
#include "log/log_ring.h"
#include "time/time_keeper.h"
#include "update/boot_trial.h"
#include "update/manifest.h"
#include "update/record.h"
#include "update/slot_writer.h"
#include "update/update_state.h"

namespace esplock {

/// What an update needs of its door.
class UpdateDoor {
 public:
  virtual ~UpdateDoor() = default;

  /// False when it was certainly not sent.
  virtual bool sendUpdate(std::string_view frame) = 0;

  /// Something is under way that an update must not get into: keys being made or changed, settings on probation, a restart.
  virtual bool updateBarred() const = 0;

  /// PSA belongs to another task for now (System::runInBackground).
  virtual bool cryptoTaken() const = 0;

  /// The bolt is where it was asked to be, and that is locked.
  virtual bool lockAtRest() const = 0;
  virtual void restartForUpdate() = 0;
  virtual void onUpdatePhase(const char* phase, const char* version, const char* code) = 0;
};

struct UpdateOptions {
  const char* board = "";
  const char* releaseKeys[maxReleaseKeyCount] = {};   ///< of the build, used while the owner has set none
  std::uint32_t trialMs = 180'000;
  std::uint32_t stallMs = 60'000;
  std::uint32_t relockWaitMs = 600'000;
  unsigned window = 1;
};

class Updater {
 public:
  struct Parts {
    UpdateSlot* slot;
    KeyValueStore& store;
    SettingsManager& settings;
    TimeKeeper& time;
    LogRing& log;
    LightPlayer& light;
    UpdateDoor& door;
    Workspace& workspace;
    UpdateOptions options;
  };

  explicit Updater(const Parts& parts)
      : parts_(parts), memory_(parts.store), boot_(parts.slot, memory_, parts.log), reader_(parts.workspace),
        writer_(parts.workspace) {}

  /// Once a boot.
  void start(const RunningImage& image);
  void poll();

  void onOffer(std::string_view id, std::string_view manifest);
  void onBytes(std::string_view frame);
  void onWelcome();
  void onKeepAliveAnswered();
  void onSocketLost();

  /// The running image is on trial: nothing else may restart the door on a deadline of its own.
  bool onTrial() const { return boot_.pending(); }
  bool active() const { return state_ != UpdateState::idle; }
  UpdateStatus status() const;

  /// A factory reset forgets the download; not what failed, nor the security version.
  void forget();

 private:
  UpdateCode judge(std::string_view manifest, Manifest& out);
  void trust(ManifestRules& rules) const;
  UpdateCode openSlot(std::string_view id, const Manifest& manifest);
  void refuse(std::string_view id, UpdateCode code);
  void fail(UpdateCode code);
  void suspend(const char* cause);

  void ask();
  bool takeBlock(const std::uint8_t* data, std::size_t length);
  void completed();
  void pollRebuilding();
  void pollDownloading(std::uint64_t nowMs);
  void pollChecking(std::uint64_t nowMs);
  void pollReady(std::uint64_t nowMs);
  void report();
  void announce(const char* phase, UpdateCode code = UpdateCode::none);
  bool say(std::string_view id, const char* phase, UpdateCode code);
  void showLight(std::uint64_t nowMs);
  std::size_t blockAt(std::size_t offset) const;
  unsigned percent() const;

  Parts parts_;
  UpdateMemory memory_;
  BootTrial boot_;
  RunningImage image_;
  ManifestReader reader_;
  SlotWriter writer_;
  RateGate offers_{1, 32};           ///< checking one takes a tenth of a second of a board, and the lock waits for it
  UpdateState state_ = UpdateState::idle;
  bool told_ = false;   ///< on this connection
  UpdateCode lastCode_ = UpdateCode::none;
  std::uint32_t askedEnd_ = 0;       ///< gets reach so far
  unsigned toldPercent_ = 0;
  std::uint64_t lastByteMs_ = 0;
  std::uint64_t nextTellMs_ = 0;
  std::uint64_t nextLightMs_ = 0;
  std::uint64_t readySinceMs_ = 0;
};

}  // namespace esplock
