#include "door/parts.h"

#include <cstring>

namespace esplock {
namespace {

LockOptions lockOptions(const DoorOptions& options) {
  LockOptions result;
  result.heldOpenAfterMs = options.heldOpenAfterMs;
  result.contactDebounceMs = options.contactDebounceMs;
  result.boltWaitsForLeaf = options.boltWaitsForLeaf;
  result.boltWaitMs = options.boltWaitMs;
  return result;
}

UpdateOptions updateOptions(const FirmwareInfo& firmware, const DoorOptions& options) {
  UpdateOptions result;
  result.board = firmware.board;
  for (unsigned i = 0; i < maxReleaseKeyCount; ++i) result.releaseKeys[i] = firmware.releaseKeys[i];
  result.trialMs = options.updateTrialMs;
  result.stallMs = options.updateStallMs;
  result.relockWaitMs = options.updateRelockWaitMs;
  result.window = options.updateWindow;
  return result;
}

}  // namespace

Door::Parts::Parts(const DoorPorts& doorPorts, const FirmwareInfo& firmwareInfo, const DoorOptions& doorOptions)
    : ports(doorPorts),
      firmware(firmwareInfo),
      options(doorOptions),
      log(ports.log, ports.clock),
      time(ports.clock),
      events(time),
      light(ports.light, this),
      lock(ports.relay, ports.contact, events, lockOptions(options)),
      failSafe(lock, events),
      sealer(ports.system, ports.random),
      settingsStore(ports.store, sealer),
      settings(settingsStore),
      keys(ports.store, sealer, ports.system, options.rsaKeyBits),
      replay(ports.store),
      challenges(ports.random),
      state({lock, failSafe, credentials, time, ports.network, ports.system}),
      processor({ports.random, time, replay, challenges, credentials, lock, settings, keys, light, events, state, log},
                options.commandsPerSecond, options.commandBurst),
      session({ports.network, ports.https, ports.channel, ports.store, ports.random, settings, keys, time, log, *this,
               {firmware.version, firmware.board, firmware.securityVersion, nullptr}}),
      updater({ports.updateSlot, ports.store, settings, time, log, light, *this, updateOptions(firmware, options)}),
      uplink({session, time, events, state, challenges, log}),
      restart(ports.system, session, log),
      probation({settings, keys, updater, restart, events, log, options.probationMs}),
      health({ports.system, ports.tamper, time, events, log, restart, options.contactDebounceMs}),
      reset({ports.store, settings, keys, replay, updater, log}) {}

Status Door::Parts::start() {
  lock.begin();   // before anything that could fail or take time
  const std::uint64_t nowMs = time.monotonicMs();
  failSafe.begin(nowMs);
  events.emit(EventKind::boot);
  const Status crypto = crypto::start();
  const Status resumed = reset.resume();
  const bool halfReset = resumed != Status::ok && resumed != Status::not_found;
  // What the owner wanted gone is not loaded again because it could not be erased.
  const Status loaded = halfReset ? resumed : settings.load();
  const Status key = halfReset ? resumed : keys.load();
  const Status mark = replay.load(nowMs);
  time.setFloor(replay.mark());
  // After the lock: on a board the image is read whole for it.
  const bool digestKnown = ports.updateSlot != nullptr && ports.updateSlot->runningDigest(imageDigest);
  const std::uint8_t* const digest = digestKnown ? imageDigest : nullptr;
  const Status started = session.start(digest);
  updater.start({firmware.version, firmware.securityVersion, digest});
  if (resumed != Status::not_found && ports.observer != nullptr) ports.observer->onFactoryReset(resumed);
  if (resumed == Status::ok) updater.forget();
  probation.begin(nowMs);
  Status worst = loaded;
  for (const Status status : {key, mark, crypto, started}) {
    if (status != Status::ok && status != Status::not_found) worst = status;
  }
  damaged = worst != Status::ok && worst != Status::not_found;
  log.write(damaged ? LogLevel::error : LogLevel::info, "boot", static_cast<int>(worst));
  return worst == Status::not_found ? Status::not_configured : worst;
}

void Door::Parts::poll() {
  const std::uint64_t nowMs = time.monotonicMs();
  // The lock comes first in every turn: nothing that happens on the network may hold up a relock.
  lock.poll(nowMs);
  time.poll();
  session.poll();
  updater.poll();
  if (!damaged && settings.active().complete()) failSafe.poll(nowMs, session.live(), settings.active());
  health.poll(nowMs);
  probation.poll(nowMs);
  if (reset.waiting() && !keys.generating()) resetToFactory();
  watchLock();
  if (health.clockChanged(session.live())) uplink.sendStatus({});
  uplink.flush();
  light.setCritical(damaged || session.stuck());
  light.poll(nowMs);
  restart.poll(nowMs);
}

void Door::Parts::requestRestart() { restart.request(time.monotonicMs()); }

Status Door::Parts::resetToFactory() {
  const Status status = reset.request();
  if (reset.waiting()) return status;
  if (reset.begun()) requestRestart();
  light.play(status == Status::ok ? LightPattern::settings_changed : LightPattern::error);
  if (ports.observer != nullptr) ports.observer->onFactoryReset(status);
  return status;
}

// ---- what the session tells ----

void Door::Parts::onState(SessionState entered) {
  if (ports.observer != nullptr) ports.observer->onSession(entered);
  if (entered != SessionState::live) {
    updater.onSocketLost();
    uplink.onChannelLost();
  }
  log.write(LogLevel::info, textOf(entered));
  LightPattern pattern = LightPattern::joining_wifi;
  if (entered == SessionState::joining) {
    if (ports.network.state() == NetworkState::up) return;
    networkSeen = false;
  } else if (entered == SessionState::challenging || entered == SessionState::connecting) {
    if (!networkSeen) {
      networkSeen = true;
      light.play(LightPattern::wifi_joined);
    }
    if (entered == SessionState::challenging) return;
    pattern = LightPattern::connecting_socket;
  } else if (entered == SessionState::live) {
    pattern = LightPattern::socket_up;
  } else {
    return;
  }
  light.play(pattern);
}

void Door::Parts::onPattern(LightPattern pattern) {
  if (ports.observer != nullptr) ports.observer->onLight(pattern);
}

void Door::Parts::onTrouble(const SessionTrouble& trouble) {
  light.play(LightPattern::error);
  if (ports.observer != nullptr) ports.observer->onSessionTrouble(trouble);
  if (trouble.error == TransportError::out_of_memory) health.onMemory(false);
}

void Door::Parts::onWelcome() {
  health.onMemory(true);
  probation.onWelcome();
  updater.onWelcome();
  health.clockChanged(true);   // before the state is told
  uplink.sendStatus({});
}

void Door::Parts::onKeepAliveSent() { uplink.onKeepAliveSent(); }

void Door::Parts::onKeepAliveAnswered() {
  light.play(LightPattern::keep_alive);
  uplink.onKeepAliveAnswered();
  updater.onKeepAliveAnswered();
}

void Door::Parts::onCommand(const Frame& frame) {
  CommandOutcome outcome;
  // While the spare is being made PSA belongs to that task; while restarting nothing new is begun.
  const bool late = time.pastRelayTime(frame.deadlineMs);
  const bool notNow = late || restart.requested() || keys.generating();
  if (notNow) log.write(LogLevel::warning, "command.not_now", late ? 1 : 0);
  else outcome = processor.run(frame.jwe);
  uplink.sendResult(frame.id, outcome);
  state.onCommand(time.nowMs(), outcome.status());
  if (ports.observer != nullptr) ports.observer->onCommand(outcome.act, outcome.code);
  if (outcome.memory != CommandOutcome::Memory::unasked) health.onMemory(outcome.memory == CommandOutcome::Memory::enough);
  if (outcome.settingsKept) events.emit(EventKind::configured, "outcome", "kept");
  if (outcome.restartWanted) requestRestart();
  if (outcome.rotationWanted) session.renew();
}

void Door::Parts::onStatusAsked(const char* id) {
  light.play(LightPattern::query_answered);
  uplink.sendStatus(id);
}

void Door::Parts::onChallengeAsked(const char* id) { uplink.sendChallenge(id); }

void Door::Parts::onUpdateOffered(const Frame& frame) { updater.onOffer(frame.id, frame.manifest); }

void Door::Parts::onBytes(std::string_view frame) { updater.onBytes(frame); }

void Door::Parts::watchLock() {
  const LockReading reading = lock.reading();
  const char* const nowMode = state.mode();
  const bool changed = !(reading == lastReading);
  if (!changed && std::strcmp(nowMode, lastMode) == 0) return;
  if (reading.reported != lastReading.reported && reading.reported != LockState::unknown) {
    light.play(reading.reported == LockState::unlocked ? LightPattern::unlocked : LightPattern::locked);
  }
  lastReading = reading;
  lastMode = nowMode;
  if (changed && ports.observer != nullptr) ports.observer->onLock(reading);
  uplink.sendStatus({});
}

// ---- what an update needs of the door around it ----

bool Door::Parts::sendUpdate(std::string_view frame) { return session.send(frame); }

bool Door::Parts::updateBarred() const {
  const bool keysMoving = keys.generating() || keys.rotating();
  return restart.requested() || keysMoving || settings.onProbation() || settings.awaitingRestart();
}

bool Door::Parts::cryptoTaken() const { return keys.generating(); }

bool Door::Parts::lockAtRest() const {
  const LockReading reading = lock.reading();
  return reading.requested == LockState::locked && reading.reported != LockState::unlocked;
}

void Door::Parts::restartForUpdate() { requestRestart(); }

void Door::Parts::onUpdatePhase(const char* phase, const char* version, const char* code) {
  events.emitUpdate(phase, version, code);
  if (ports.observer != nullptr) ports.observer->onUpdate(phase, version, code);
}

}  // namespace esplock
