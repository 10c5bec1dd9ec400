// The composition of a door: every part once, wired by hand, and the turns of poll().
#pragma once

#include "access/processor.h"
#include "channels/outbox.h"
#include "channels/session.h"
#include "config/settings_manager.h"
#include "crypto/sealer.h"
#include "door/door.h"
#include "light/light_player.h"
#include "lock/fail_safe.h"
#include "lock/lock_model.h"
#include "log/log_ring.h"
#include "update/updater.h"

namespace esplock {

struct Door::Parts final : SessionListener, StateSource, LightListener, UpdateDoor {
  Parts(const DoorPorts& doorPorts, const FirmwareInfo& firmwareInfo, const DoorOptions& doorOptions);

  Status start();
  void poll();
  void requestRestart();

  // SessionListener
  void onState(SessionState state) override;
  void onTrouble(const SessionTrouble& trouble) override;
  void onWelcome() override;
  void onKeepAliveAnswered() override;
  void onCommand(const Frame& frame) override;
  void onStatusAsked(const char* id) override;
  void onChallengeAsked(const char* id) override;
  void onUpdateOffered(const Frame& frame) override;
  void onBytes(std::string_view frame) override;

  // LightListener
  void onPattern(LightPattern pattern) override;

  // UpdateDoor
  bool sendUpdate(std::string_view frame) override;
  bool updateBarred() const override;
  bool cryptoTaken() const override;
  bool lockAtRest() const override;
  void restartForUpdate() override;
  void onUpdatePhase(const char* phase, const char* version, const char* code) override;

  // StateSource
  void writeState(json::Writer& json) override;

  const char* mode() const;
  void sendStatus(std::string_view id);
  void sendResult(std::string_view id, const CommandOutcome& outcome);
  void watchLock();
  void watchClock();
  void watchProbation(std::uint64_t nowMs);
  void watchRestart(std::uint64_t nowMs);
  void watchTamper();
  void watchHeap(std::uint64_t nowMs);
  void flush(std::uint64_t nowMs);

  DoorPorts ports;
  FirmwareInfo firmware;
  DoorOptions options;

  Workspace workspace;
  std::uint8_t imageDigest[32] = {};
  LogRing log;
  TimeKeeper time;
  EventQueue events;
  UnsentResults unsent;
  LightPlayer light;
  LockModel lock;
  FailSafeWatch failSafe;
  crypto::Sealer sealer;
  SettingsStore settingsStore;
  SettingsManager settings;
  KeyRing keys;
  ReplayGuard replay;
  Challenges challenges;
  CredentialGuard credentials;
  CommandProcessor processor;
  Session session;
  Updater updater;

  char frameOut[2048] = {};
  LockReading lastReading;
  const char* lastMode = "normal";
  enum class ClockTold : std::uint8_t { nothing, sure, unsure };
  ClockTold clockTold = ClockTold::nothing;
  bool damaged = false;             ///< settings, key or mark cannot be read: lasting red
  bool networkSeen = false;
  bool tampered = false;
  bool restarting = false;
  bool restartDone = false;
  std::uint64_t restartLimitMs = 0;
  std::uint64_t probationEndsMs = 0;
  std::uint64_t nextHeapReportMs = 0;
  std::int64_t lastCommandAtMs = 0;
  int lastCommandStatus = 0;
};

}  // namespace esplock
