#include "platform/board.h"

#include <cstdio>

#include "board_defaults.h"
#include "pin_map.h"

namespace board {

using esplock::Status;

namespace {

esplock::DoorOptions doorOptions() {
  esplock::DoorOptions options;
  options.commandsPerSecond = commandsPerSecond;
  options.commandBurst = commandBurst;
  options.boltWaitMs = boltWaitMs;
  return options;
}

}  // namespace

Board::Board(esplock::OutputPin& relay)
    : store_(doorPartition, storeNamespace),
      sealStore_(sealPartition, storeNamespace),
      system_(sealStore_, random_),
      light_(pins.light, lightPixels),
      contact_(contactPin, true),
      tamper_(tamperPin, true),
      button_(buttonPin, false),
      resetButton_(button_, buttonHoldMs),
      wifi_(clock_),
      transport_(wifi_, network_, clock_),
      door_({clock_, random_, store_, transport_, transport_, transport_, relay, light_, out_, system_, &contact_, &tamper_, &updateSlot_, this},
            {firmwareVersion, pins.board, securityVersion, {releaseKeys[0], releaseKeys[1], releaseKeys[2], releaseKeys[3]}},
            doorOptions()),
      console_(door_, out_) {}

void Board::begin() {
  if (!watchdog_.begin()) out_.write(esplock::LogLevel::error, "watchdog.missing", 0);
  light_.begin();
  contact_.begin();
  tamper_.begin();
  button_.begin();
  // The radio before the door: its noise is what the random numbers of the first moment are made of.
  if (!wifi_.begin()) out_.write(esplock::LogLevel::error, "radio.failed", 0);
  if (!store_.open()) out_.write(esplock::LogLevel::error, "store.not_open", 0);
  if (!sealStore_.open()) out_.write(esplock::LogLevel::error, "seal.not_open", 0);
  if (!network_.start()) out_.write(esplock::LogLevel::error, "network.not_started", 0);
  system_.alsoWatch(network_.handle());
  const Status status = door_.start();
  if (status != Status::ok) out_.print(esplock::textOf(status));
  if (status == Status::not_configured) out_.print("new door: set it up here; help lists the words");
  lastBeatMs_ = clock_.monotonicMs();
}

void Board::turn() {
  watchdog_.feed();
  door_.poll();
  console_.poll();
  showKid();
  const std::uint64_t nowMs = clock_.monotonicMs();
  if (transport_.state() == esplock::NetworkState::up) clock_.onNetworkUp(sntpServers);
  if (resetButton_.heldNow(nowMs)) door_.factoryReset();
  watchNetworkTask(nowMs);
}

/// Owners compare it with what the relay says (protocol 1.2): on the line as soon as there is a key.
void Board::showKid() {
  if (kidShown_ || door_.kid().empty()) return;
  kidShown_ = true;
  out_.print("key id (kid) of this door:");
  out_.print(door_.kid());
}

void Board::watchNetworkTask(std::uint64_t nowMs) {
  if (network_.beat() != lastBeat_) {
    lastBeat_ = network_.beat();
    lastBeatMs_ = nowMs;
  } else if (nowMs - lastBeatMs_ >= networkHungMs) {
    // Stuck inside the TLS library. Nothing short of a restart gets it out; the restart is in order and locks.
    lastBeatMs_ = nowMs;
    out_.write(esplock::LogLevel::error, "network.hung", networkHungMs);
    door_.restart();
  }
}

void Board::onSessionTrouble(esplock::SessionTrouble trouble) {
  char text[160];
  const int length = std::snprintf(text, sizeof text, "%s failed: %s, %s %d, %.*s",
                                   esplock::textOf(trouble.during), esplock::textOf(trouble.error),
                                   trouble.closed ? "close" : "http", trouble.detail,
                                   static_cast<int>(trouble.code.size()), trouble.code.data());
  if (length <= 0) return;
  for (char* c = text; *c != '\0'; ++c) {
    if (static_cast<unsigned char>(*c) < 0x20 || *c == 0x7F) *c = '?';   // the code comes from the network
  }
  out_.print(text);
}

void Board::onFactoryReset(esplock::Status status) {
  out_.print(status == Status::ok ? "factory reset done: this is a new door" : "factory reset not finished:");
  if (status != Status::ok) out_.print(esplock::textOf(status));
}

}  // namespace board
