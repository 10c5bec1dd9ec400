// The whole board on the stubs, with the real core: from an empty chip to a welcomed door, over the serial console.
#include <doctest/doctest.h>

#include <sys/time.h>

#include "chip.h"

using chip::Chip;
using chip::setUp;
using esplock::SessionState;

TEST_CASE("from an empty chip over the serial console to a welcomed door, and back after a restart") {
  Chip chip;
  CHECK(chip.board->door().sessionState() == SessionState::unconfigured);
  CHECK(chip.said("set it up here"));
  CHECK(stub::world().sntpStarts == 0);
  chip.type(setUp);
  CHECK(chip.said("serverAddress = https://relay.example:8443"));
  CHECK(chip.said("doorPassword = (set)"));
  chip.run(5);
  const std::string kid(chip.board->door().kid());
  CHECK(kid.size() == 43);
  CHECK(chip.said(kid.c_str()));

  chip.goLive();
  chip.run(2);   // nobody has answered: the clock is unsure, and SNTP goes on
  CHECK(stub::world().sntpStarts == 1);
  CHECK(stub::world().sntpRunning);
  timeval now{};
  stub::world().sntpCallback(&now);
  chip.run(5);
  CHECK_FALSE(stub::world().sntpRunning);
  REQUIRE_FALSE(stub::world().sent.empty());
  CHECK(stub::world().sent[0].find(R"("t":"hello")") != std::string::npos);
  CHECK(stub::world().sent[0].find(board::pins.board) != std::string::npos);
  CHECK(stub::world().setInsecureCalls == 0);

  // Arduino's own partition may be erased at any start: the door must not notice.
  stub::world().nvs.erase("nvs/esplock");
  stub::world().nvs.erase("nvs/nvs.net80211");
  chip.power();
  CHECK(chip.board->door().kid() == kid);
  chip.goLive();
  CHECK(stub::world().longestKey <= 15);
  CHECK_FALSE(chip.relayEverActive());
}

TEST_CASE("nothing secret is echoed, shown, or stored in the clear") {
  Chip chip;
  chip.type(setUp);
  chip.run(5);
  chip.type("show\nlog\ndoor-secret\n");
  CHECK(chip.said("unknown command"));
  for (const char* secret : {"wifi-secret", "token-secret", "door-secret"}) {
    CHECK_FALSE(chip.said(secret));
    for (const auto& place : stub::world().nvs) {
      for (const auto& entry : place.second) {
        const std::string value(entry.second.begin(), entry.second.end());
        CHECK(value.find(secret) == std::string::npos);
      }
    }
  }
}

TEST_CASE("a line too long is refused as such, and CR LF ends one line") {
  Chip chip;
  chip.type("set doorId " + std::string(700, 'x') + "\r\n");
  CHECK(chip.said(esplock::textOf(esplock::Status::too_big)));
  stub::world().serialOut.clear();
  chip.type("set doorId front-door\r\nset doorPassword good-password\r\n");
  CHECK(stub::world().serialOut == "ok\r\nok\r\n");
}

TEST_CASE("the watchdog watches the door's task, is fed once a turn, and by nothing else") {
  Chip chip;
  CHECK(stub::world().watchdogWatching);
  CHECK(stub::world().watchdogIdleMask == 0);
  CHECK(stub::world().watchdogTimeoutMs >= 5'000);
  const int before = stub::world().watchdogFed;
  for (int i = 0; i < 10; ++i) chip.board->turn();
  CHECK(stub::world().watchdogFed == before + 10);
  for (int i = 0; i < 10; ++i) chip.board->network().turn();
  CHECK(stub::world().watchdogFed == before + 10);
}

TEST_CASE("a network task that hangs for five minutes is ended by a restart, an idle one is not") {
  Chip chip;
  for (int i = 0; i < 100; ++i) {
    stub::world().nowMs += 10'000;
    chip.run(1);
  }
  CHECK(stub::world().restarts == 0);
  for (int i = 0; i < 40; ++i) {
    stub::world().nowMs += 10'000;
    chip.board->turn();
  }
  CHECK(stub::world().restarts == 1);
  CHECK_FALSE(chip.relayEverActive());
}

TEST_CASE("flash that does not answer leaves a locked door that says so") {
  stub::reset();
  stub::world().nvsBroken = true;
  board::GpioOutput relay(board::pins.relay, board::relayActiveHigh);
  board::Board board(relay);
  board.begin();
  for (int i = 0; i < 50; ++i) board.turn();
  CHECK(board.door().kid().empty());
  CHECK(board.door().lock().requested == esplock::LockState::locked);
  CHECK(stub::world().serialOut.find("[error] boot") != std::string::npos);
  CHECK(stub::world().serialOut.find("new door") == std::string::npos);
  CHECK(stub::world().pixels == std::vector<uint32_t>(board::lightPixels, 0xFF0000));
}

TEST_CASE("the button, where fitted, makes the door new after ten seconds, and not before") {
  Chip chip;
  chip.type(setUp);
  chip.run(5);
  REQUIRE_FALSE(chip.board->door().kid().empty());
  if (board::buttonPin == board::noPin) return;
  stub::world().inputLevels[board::buttonPin] = 0;
  chip.board->turn();
  stub::world().nowMs += 9'000;
  chip.board->turn();
  CHECK_FALSE(chip.board->door().kid().empty());
  stub::world().nowMs += 1'000;
  chip.board->turn();
  CHECK(chip.board->door().kid().empty());
  chip.run(2);
  CHECK(chip.said("factory reset done"));
  chip.power();
  CHECK(chip.board->door().sessionState() == SessionState::unconfigured);
  CHECK_FALSE(chip.relayEverActive());
}

TEST_CASE("a board without the memory for its tasks stays locked and starts over, and does not fall over") {
  stub::reset();
  stub::world().taskCreationFails = true;
  board::GpioOutput relay(board::pins.relay, board::relayActiveHigh);
  board::Board board(relay);
  board.begin();
  stub::world().serialIn = setUp;
  for (int i = 0; i < 40; ++i) {
    stub::world().nowMs += 10'000;
    board.turn();
  }
  CHECK(stub::world().serialOut.find("network.not_started") != std::string::npos);
  CHECK(stub::world().restarts == 1);
}

TEST_CASE("what the board itself keeps, beside the core, stays within its 20 KiB") {
  // On the chip pointers are half as long, and WebSocketsClient and NeoPixel a little longer than the stubs: a few hundred bytes.
  const struct {
    const char* name;
    std::size_t bytes;
  } parts[] = {{"events and POST body", sizeof(board::EventSlot)},   {"outgoing frames", sizeof(board::SendQueue)},
               {"relay's address and CA", sizeof(board::Server)},    {"jobs", sizeof(board::PostJob) + sizeof(board::SocketJob)},
               {"socket", sizeof(board::RelaySocket)},               {"console", sizeof(board::SerialConsole)},
               {"board, all of it", sizeof(board::Board)}};
  std::string table;
  for (const auto& part : parts) table += std::string(part.name) + ": " + std::to_string(part.bytes) + "\n";
  MESSAGE(table);
  CHECK(sizeof(board::Board) <= 20 * 1024);
}

TEST_CASE("log lines are plain text with level, cause and number") {
  stub::reset();
  board::SerialOut out;
  out.write(esplock::LogLevel::warning, "session.failed", -3);
  CHECK(stub::world().serialOut == "[warning] session.failed -3\r\n");
}
