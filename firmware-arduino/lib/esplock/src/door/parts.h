// The composition of a door: every part once, wired by hand, and the turns of poll().
#pragma once

#include "access/processor.h"
#include "config/settings_manager.h"
#include "crypto/sealer.h"
#include "door/door.h"
#include "door/factory_reset.h"
#include "door/health_watch.h"
#include "door/probation.h"
#include "door/restart.h"
#include "door/state_report.h"
#include "door/uplink.h"
#include "light/light_player.h"

namespace esplock {

struct Door::Parts final : SessionListener, LightListener, UpdateDoor {
  Parts(const DoorPorts& doorPorts, const FirmwareInfo& firmwareInfo, const DoorOptions& doorOptions);

  Status start();
  void poll();
  void requestRestart();
  Status resetToFactory();

  // SessionListener
  void onState(SessionState state) override;
  void onTrouble(const SessionTrouble& trouble) override;
  void onWelcome() override;
  void onKeepAliveSent() override;
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

  void watchLock();

  DoorPorts ports;
  FirmwareInfo firmware;
  DoorOptions options;

  std::uint8_t imageDigest[32] = {};
  LogRing log;
  TimeKeeper time;
  EventQueue events;
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
  StateReport state;
  CommandProcessor processor;
  Session session;
  Updater updater;
  Uplink uplink;
  Restart restart;
  Probation probation;
  HealthWatch health;
  FactoryReset reset;

  LockReading lastReading;
  const char* lastMode = "normal";
  bool damaged = false;             ///< settings, key or mark cannot be read: lasting red
  bool networkSeen = false;
};

}  // namespace esplock
