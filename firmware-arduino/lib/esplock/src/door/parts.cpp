#include "door/parts.h"

#include <cstring>

#include "base/base64url.h"

namespace esplock {
namespace {

constexpr std::uint64_t restartLimit = 2'500;        ///< a relay that does not answer the close is not waited for
constexpr std::size_t lowHeapBytes = 20 * 1024;
constexpr std::uint64_t heapReportEveryMs = 3'600'000;

LockOptions lockOptions(const DoorOptions& options) {
  return {options.heldOpenAfterMs, options.contactDebounceMs, options.boltWaitsForLeaf};
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

bool same(const LockReading& a, const LockReading& b) {
  return a.requested == b.requested && a.reported == b.reported && a.contact == b.contact;
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
      settingsStore(ports.store, sealer, workspace),
      settings(settingsStore),
      keys(ports.store, sealer, ports.system, options.rsaKeyBits),
      replay(ports.store),
      challenges(ports.random),
      processor({ports.random, time, replay, challenges, credentials, lock, settings, keys, light, events, *this, log, workspace},
                options.commandsPerSecond, options.commandBurst),
      session({ports.network, ports.https, ports.channel, ports.store, ports.random, settings, keys, time, log, *this, workspace,
               {firmware.version, firmware.board, firmware.securityVersion, nullptr}}),
      updater({ports.updateSlot, ports.store, settings, time, log, light, *this, workspace, updateOptions(firmware, options)}) {}

Status Door::Parts::start() {
  lock.begin();   // before anything that could fail or take time
  const std::uint64_t nowMs = time.monotonicMs();
  failSafe.begin(nowMs);
  events.emit(EventKind::boot);
  const Status crypto = crypto::start();
  const Status loaded = settings.load();
  const Status key = keys.load();
  const Status mark = replay.load(nowMs);
  time.setFloor(replay.mark());
  // After the lock: on a board the image is read whole for it.
  const bool digestKnown = ports.updateSlot != nullptr && ports.updateSlot->runningDigest(imageDigest);
  const std::uint8_t* const digest = digestKnown ? imageDigest : nullptr;
  const Status started = session.start(digest);
  updater.start({firmware.version, firmware.securityVersion, digest});
  if (settings.onProbation()) probationEndsMs = nowMs + options.probationMs;
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
  watchTamper();
  watchHeap(nowMs);
  watchProbation(nowMs);
  watchLock();
  watchClock();
  flush(nowMs);
  light.setCritical(damaged || session.stuck());
  light.poll(nowMs);
  watchRestart(nowMs);
}

// ---- what the session tells ----

void Door::Parts::onState(SessionState state) {
  if (ports.observer != nullptr) ports.observer->onSession(state);
  if (state != SessionState::live) updater.onSocketLost();
  log.write(LogLevel::info, textOf(state));
  LightPattern pattern = LightPattern::joining_wifi;
  if (state == SessionState::joining) {
    if (ports.network.state() == NetworkState::up) return;
    networkSeen = false;
  } else if (state == SessionState::challenging || state == SessionState::connecting) {
    if (!networkSeen) {
      networkSeen = true;
      light.play(LightPattern::wifi_joined);
    }
    if (state == SessionState::challenging) return;
    pattern = LightPattern::connecting_socket;
  } else if (state == SessionState::live) {
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
}

void Door::Parts::onWelcome() {
  Status status = Status::ok;
  probationEndsMs = 0;
  switch (settings.accepted(status)) {
    case SettingsManager::Outcome::kept: events.emit(EventKind::configured, "outcome", "kept"); break;
    case SettingsManager::Outcome::reverted: events.emit(EventKind::configured, "outcome", "reverted"); break;
    case SettingsManager::Outcome::nothing: break;
  }
  if (status != Status::ok) log.write(LogLevel::error, "settings.not_stored", static_cast<int>(status));
  updater.onWelcome();
  watchClock();   // before the state is told
  sendStatus({});
}

void Door::Parts::onKeepAliveAnswered() {
  light.play(LightPattern::keep_alive);
  updater.onKeepAliveAnswered();
}

void Door::Parts::onCommand(const Frame& frame) {
  CommandOutcome outcome;
  // While the spare is being made PSA belongs to that task; while restarting nothing new is begun.
  const bool late = time.pastRelayTime(frame.deadlineMs);
  if (late || restarting || keys.generating()) log.write(LogLevel::warning, "command.not_now", late ? 1 : 0);
  else outcome = processor.run(frame.jwe);
  sendResult(frame.id, outcome);
  lastCommandAtMs = time.nowMs();
  lastCommandStatus = outcome.status();
  if (ports.observer != nullptr) ports.observer->onCommand(outcome.act, outcome.code);
  if (outcome.settingsKept) events.emit(EventKind::configured, "outcome", "kept");
  if (outcome.restartWanted) requestRestart();
  if (outcome.rotationWanted) session.renew();
}

void Door::Parts::onStatusAsked(const char* id) {
  light.play(LightPattern::query_answered);
  sendStatus(id);
}

/// Without randomness there is none, and the relay waits in vain (protocol 19.4).
void Door::Parts::onChallengeAsked(const char* id) {
  const std::uint8_t* const challenge = challenges.make(time.monotonicMs());
  char text[base64url::encodedLength(Challenges::bytes)];
  std::size_t length = 0;
  if (challenge == nullptr ||
      base64url::encode(challenge, Challenges::bytes, text, sizeof text, length) != Status::ok) {
    log.write(LogLevel::error, "challenge.failed");
    return;
  }
  json::Writer json(frameOut, sizeof frameOut);
  json.beginObject().member("t", "challenge").member("id", id);
  json.member("challenge", std::string_view(text, length)).endObject();
  session.send(json.view());
}

void Door::Parts::onUpdateOffered(const Frame& frame) { updater.onOffer(frame.id, frame.manifest); }

void Door::Parts::onBytes(std::string_view frame) { updater.onBytes(frame); }

// ---- what is told to the relay ----

const char* Door::Parts::mode() const {
  if (credentials.lockedOut(time.monotonicMs())) return "lockout";
  return failSafe.entered() ? "fail_safe" : "normal";
}

void Door::Parts::writeState(json::Writer& json) {
  const LockReading reading = lock.reading();
  json.beginObject().member("lock", textOf(reading.reported)).member("clock", time.sure() ? "sure" : "unsure");
  if (reading.contact != ContactState::absent) json.member("contact", textOf(reading.contact));
  int dbm = 0;
  if (ports.network.rssi(dbm)) json.member("rssi", static_cast<std::int64_t>(dbm));
  const std::size_t heap = ports.system.freeHeap();
  if (heap > 0) json.member("freeHeap", static_cast<std::int64_t>(heap));
  json.member("uptimeMs", static_cast<std::int64_t>(time.monotonicMs()));
  json.member("mode", mode());
  if (lastCommandStatus != 0) {
    json.name("lastCommand").beginObject().member("at", lastCommandAtMs);
    json.member("status", static_cast<std::int64_t>(lastCommandStatus)).endObject();
  }
  json.endObject();
}

void Door::Parts::sendStatus(std::string_view id) {
  json::Writer json(frameOut, sizeof frameOut);
  json.beginObject().member("t", "status");
  if (!id.empty()) json.member("id", id);
  json.name("state");
  writeState(json);
  json.endObject();
  session.send(json.view());
}

void Door::Parts::sendResult(std::string_view id, const CommandOutcome& outcome) {
  const std::string_view text = writeResult(id, outcome.status(), outcome.credentialRefused, outcome.receipt,
                                            frameOut, sizeof frameOut);
  if (session.send(text)) return;
  unsent.keep(time.monotonicMs(), id, outcome.status(), outcome.credentialRefused, outcome.receipt);
}

void Door::Parts::flush(std::uint64_t nowMs) {
  if (!session.live()) return;
  for (;;) {
    const std::string_view text = unsent.front(nowMs, frameOut, sizeof frameOut);
    if (text.empty() || !session.send(text)) break;
    unsent.pop();
  }
  for (;;) {
    const std::string_view text = events.front(nowMs, frameOut, sizeof frameOut);
    if (text.empty() || !session.send(text)) break;
    events.pop();
  }
}

// ---- what is watched ----

void Door::Parts::watchLock() {
  const LockReading reading = lock.reading();
  const char* const nowMode = mode();
  const bool changed = !same(reading, lastReading);
  if (!changed && std::strcmp(nowMode, lastMode) == 0) return;
  if (reading.reported != lastReading.reported && reading.reported != LockState::unknown) {
    light.play(reading.reported == LockState::unlocked ? LightPattern::unlocked : LightPattern::locked);
  }
  lastReading = reading;
  lastMode = nowMode;
  if (changed && ports.observer != nullptr) ports.observer->onLock(reading);
  if (session.live()) sendStatus({});
}

/// Before the first welcome there is nobody to be in doubt with.
void Door::Parts::watchClock() {
  const ClockTold now = time.sure() ? ClockTold::sure : ClockTold::unsure;
  if (now == clockTold || (clockTold == ClockTold::nothing && !session.live())) return;
  const bool first = clockTold == ClockTold::nothing;
  clockTold = now;
  if (now == ClockTold::unsure) events.emit(EventKind::clock_unsure);
  log.write(now == ClockTold::sure ? LogLevel::info : LogLevel::warning, now == ClockTold::sure ? "clock.sure" : "clock.unsure");
  if (!first && session.live()) sendStatus({});
}

void Door::Parts::watchProbation(std::uint64_t nowMs) {
  if (probationEndsMs == 0 || nowMs < probationEndsMs || keys.generating()) return;
  // An image on trial goes first: restarting here would end its trial, and blame the image for the settings. If the old
  // one returns, the settings have their time there.
  if (updater.onTrial()) return;
  const Status status = settings.revert();
  log.write(LogLevel::warning, "settings.reverted", static_cast<int>(status));
  // A store that fails now may work later; the way back is not given up.
  probationEndsMs = status == Status::ok ? 0 : nowMs + 10'000;
  if (status == Status::ok) requestRestart();
}

void Door::Parts::requestRestart() {
  if (restarting) return;
  restarting = true;
  restartLimitMs = time.monotonicMs() + restartLimit;
  session.stop(CloseReason::going_away);
}

void Door::Parts::watchRestart(std::uint64_t nowMs) {
  if (!restarting || restartDone) return;
  if (session.state() != SessionState::stopped && nowMs < restartLimitMs) return;
  restartDone = true;
  log.write(LogLevel::info, "restart");
  ports.system.restart();
}

void Door::Parts::watchTamper() {
  const bool open = ports.tamper != nullptr && ports.tamper->present() && ports.tamper->active();
  if (open && !tampered) events.emit(EventKind::tamper);
  tampered = open;
}

void Door::Parts::watchHeap(std::uint64_t nowMs) {
  if (nowMs < nextHeapReportMs) return;
  nextHeapReportMs = nowMs + 1'000;
  const std::size_t heap = ports.system.freeHeap();
  if (heap == 0 || heap >= lowHeapBytes) return;
  nextHeapReportMs = nowMs + heapReportEveryMs;
  events.emit(EventKind::low_heap);
  log.write(LogLevel::warning, "heap.low", static_cast<std::int64_t>(heap));
}

}  // namespace esplock
