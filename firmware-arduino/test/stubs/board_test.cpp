// The small adapters against recording stubs.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <sys/time.h>

#include <fstream>
#include <sstream>

#include "Arduino.h"
#include "board_defaults.h"
#include "light/pattern.h"
#include "net/network_task.h"
#include "pin_map.h"
#include "pins/gpio_input.h"
#include "pins/gpio_output.h"
#include "pins/hold_button.h"
#include "pins/pixel_light.h"
#include "platform/efuse_key.h"
#include "platform/esp_clock.h"
#include "platform/esp_random.h"
#include "platform/esp_system_port.h"
#include "platform/preferences_store.h"

extern "C" bool verifyRollbackLater();

using Kind = stub::PinEvent::Kind;
using esplock::StoreResult;

namespace {

// Taken before main(), after the globals of main.cpp or before them: linked order does not matter to what is asked.
std::vector<stub::PinEvent> traceBeforeSetup() {
  static const std::vector<stub::PinEvent> taken = stub::world().pins;
  return taken;
}

std::string readFirmwareFile(const char* name) {
  std::ifstream file(std::string(FIRMWARE_ROOT) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("the relay's pin is safe before setup() runs, level first, and nothing else has touched it") {
  // First test of the first file: the world is as the globals left it.
  const auto trace = traceBeforeSetup();
  const int pin = board::pins.relay;
  REQUIRE(trace.size() == 2);
  CHECK(trace[0] == stub::PinEvent{Kind::level, pin, board::relayActiveHigh ? 0U : 1U});
  CHECK(trace[1] == stub::PinEvent{Kind::output, pin, 0});
}

TEST_CASE("an output goes to its inactive level before it becomes an output") {
  for (const bool activeHigh : {true, false}) {
    stub::reset();
    const unsigned inactive = activeHigh ? 0 : 1;
    board::GpioOutput relay(5, activeHigh);
    REQUIRE(stub::world().pins.size() == 2);
    CHECK(stub::world().pins[0] == stub::PinEvent{Kind::level, 5, inactive});
    CHECK(stub::world().pins[1] == stub::PinEvent{Kind::output, 5, 0});
    relay.write(true);
    relay.write(false);
    CHECK(stub::world().pins[2] == stub::PinEvent{Kind::level, 5, 1 - inactive});
    CHECK(stub::world().pins[3] == stub::PinEvent{Kind::level, 5, inactive});
  }
}

TEST_CASE("a cut contact wire reads as an open door, and a part not fitted as absent") {
  stub::reset();
  board::GpioInput contact(32, true);
  contact.begin();
  stub::world().inputLevels[32] = 0;
  CHECK_FALSE(contact.active());
  stub::world().inputLevels.clear();   // the pull-up
  CHECK(contact.active());
  board::GpioInput none(board::noPin, true);
  none.begin();
  CHECK_FALSE(none.present());
  CHECK_FALSE(none.active());
  CHECK(stub::world().pins.size() == 1);
}

TEST_CASE("the button counts when held without a break, once, and not when stuck from the start") {
  stub::reset();
  board::GpioInput pin(26, false);
  board::HoldButton button(pin, 10'000);
  int& level = stub::world().inputLevels[26];
  level = 0;
  CHECK_FALSE(button.heldNow(0));
  CHECK_FALSE(button.heldNow(20'000));   // stuck
  level = 1;
  CHECK_FALSE(button.heldNow(21'000));
  level = 0;
  CHECK_FALSE(button.heldNow(22'000));
  CHECK_FALSE(button.heldNow(31'999));
  CHECK(button.heldNow(32'000));
  CHECK_FALSE(button.heldNow(99'000));
}

TEST_CASE("colours of the LED table reach the pixels as they are") {
  stub::reset();
  board::PixelLight light(19, 3);
  light.begin();
  CHECK(stub::world().pixels == std::vector<uint32_t>(3, 0));
  for (const esplock::LightRow& row : esplock::lightRows) {
    light.show(row.rgb);
    const uint32_t expected = static_cast<uint32_t>(row.rgb.red << 16 | row.rgb.green << 8 | row.rgb.blue);
    CHECK(stub::world().pixels == std::vector<uint32_t>(3, expected));
  }
}

TEST_CASE("the store keeps to its own partition and to the limits of NVS") {
  stub::reset();
  board::PreferencesStore store(board::doorPartition, board::storeNamespace);
  std::uint8_t out[8] = {};
  std::size_t length = 0;
  CHECK(store.read("a", out, sizeof out, length) == StoreResult::failed);   // not open
  REQUIRE(store.open());
  CHECK(store.read("a", out, sizeof out, length) == StoreResult::missing);
  CHECK(store.write("a", reinterpret_cast<const std::uint8_t*>("xyz"), 3));
  CHECK(store.read("a", out, sizeof out, length) == StoreResult::ok);
  CHECK(length == 3);
  CHECK(store.read("a", out, 2, length) == StoreResult::failed);
  CHECK_FALSE(store.write("sixteen.letters.", out, 1));
  CHECK(store.read("sixteen.letters.", out, sizeof out, length) == StoreResult::failed);
  CHECK(store.erase("a"));
  CHECK(store.erase("a"));   // gone is gone
  CHECK(stub::world().nvs.count("nvs/esplock") == 0);
  CHECK(stub::world().nvs.count("door/esplock") == 1);
}

TEST_CASE("flash that cannot be read is not taken for a new door") {
  stub::reset();
  board::PreferencesStore store(board::doorPartition, board::storeNamespace);
  REQUIRE(store.open());
  stub::world().nvsBroken = true;
  std::uint8_t out[8] = {};
  std::size_t length = 0;
  CHECK(store.read("key.cur", out, sizeof out, length) == StoreResult::failed);
  CHECK_FALSE(store.erase("key.cur"));
}

TEST_CASE("the partition table has the partitions the code names, in one piece, with two slots") {
  std::istringstream table(readFirmwareFile("partitions.csv"));
  std::string line;
  unsigned long end = 0x9000;
  std::string names;
  while (std::getline(table, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> cells;
    std::istringstream cellsOf(line);
    for (std::string cell; std::getline(cellsOf, cell, ',');) {
      cell.erase(0, cell.find_first_not_of(' '));
      cells.push_back(cell);
    }
    REQUIRE(cells.size() == 5);
    const unsigned long offset = std::stoul(cells[3], nullptr, 16);
    CHECK(offset == end);
    end = offset + std::stoul(cells[4], nullptr, 16);
    if (cells[1] == "app") CHECK(offset % 0x10000 == 0);
    names += cells[0] + ":" + cells[2] + " ";
  }
  CHECK(end <= 0x400000);
  CHECK(names == "nvs:nvs otadata:ota app0:ota_0 app1:ota_1 door:nvs seal:nvs ");
}

TEST_CASE("there is no randomness while the radio is off") {
  stub::reset();
  board::EspRandom random;
  std::uint8_t bytes[16] = {};
  CHECK_FALSE(random.fill(bytes, sizeof bytes));
  stub::world().radioOn = true;
  CHECK(random.fill(bytes, sizeof bytes));
}

TEST_CASE("the sealing key is the same at every start, and never replaced because it cannot be read") {
  stub::reset();
  stub::world().radioOn = true;
  board::EspRandom random;
  board::PreferencesStore seal(board::sealPartition, board::storeNamespace);
  REQUIRE(seal.open());
  board::EspSystemPort system(seal, random);
  std::uint8_t first[32] = {};
  std::uint8_t second[32] = {};
  stub::world().nvsBroken = true;
  CHECK_FALSE(system.sealingKey(first));
  stub::world().nvsBroken = false;
  REQUIRE(system.sealingKey(first));
  REQUIRE(system.sealingKey(second));
  CHECK(std::memcmp(first, second, 32) == 0);
  CHECK(stub::world().nvs["seal/esplock"].size() == 1);
}

TEST_CASE("a burnt eFuse key is used where the chip can, and its failing is a failure") {
  stub::reset();
  stub::world().radioOn = true;
  stub::world().efuseBurnt = true;
  board::EspRandom random;
  board::PreferencesStore seal(board::sealPartition, board::storeNamespace);
  REQUIRE(seal.open());
  board::EspSystemPort system(seal, random);
  std::uint8_t key[32] = {};
  REQUIRE(system.sealingKey(key));
  const bool fused = std::string(board::pins.board) != "esp32dev";
  CHECK((key[0] == 0xA5 && key[31] == 0xA5) == fused);
  CHECK(stub::world().nvs["seal/esplock"].empty() == fused);
  stub::world().hmacWorks = false;
  CHECK(system.sealingKey(key) == !fused);
}

TEST_CASE("work runs in a task of its own at idle priority, one at a time") {
  stub::reset();
  board::EspRandom random;
  board::PreferencesStore seal(board::sealPartition, board::storeNamespace);
  board::EspSystemPort system(seal, random);
  int done = 0;
  const auto work = [](void* argument) { ++*static_cast<int*>(argument); };
  REQUIRE(system.runInBackground(work, &done));
  CHECK_FALSE(system.runInBackground(work, &done));
  REQUIRE(stub::world().tasks.size() == 1);
  CHECK(stub::world().tasks[0].stackBytes >= 12 * 1024);
  CHECK(stub::world().tasks[0].priority == 0);
  CHECK(stub::runTask("esplock-work"));
  CHECK(done == 1);
  stub::world().taskCreationFails = true;
  CHECK_FALSE(system.runInBackground(work, &done));
  stub::world().taskCreationFails = false;
  CHECK(system.runInBackground(work, &done));
}

TEST_CASE("the least that was left of any stack is told, in one number, and the largest free block") {
  stub::reset();
  board::EspRandom random;
  board::PreferencesStore seal(board::sealPartition, board::storeNamespace);
  board::EspSystemPort system(seal, random);
  CHECK(system.largestFreeBlock() == 65'432);
  CHECK(system.stackLeft() == 5000);
  board::NetworkTask network;
  REQUIRE(network.start());
  system.alsoWatch(network.handle());
  CHECK(system.stackLeft() == 4000);
  stub::world().ownStackLeft = 900;
  REQUIRE(system.runInBackground([](void*) {}, nullptr));
  REQUIRE(stub::runTask("esplock-work"));
  stub::world().ownStackLeft = 5000;
  CHECK(system.stackLeft() == 900);   // the work is over, its stack was the tightest
}

TEST_CASE("SNTP is asked when the network is there and whenever the core wants to know, and answers once each time") {
  stub::reset();
  board::EspClock clock;
  std::uint64_t wall = 0;
  clock.askWall();
  CHECK(stub::world().sntpStarts == 0);
  CHECK_FALSE(clock.wallMs(wall));
  clock.onNetworkUp(board::sntpServers);
  clock.onNetworkUp(board::sntpServers);
  CHECK(stub::world().sntpStarts == 1);
  CHECK(stub::world().sntpServers.size() == 3);
  CHECK_FALSE(clock.wallMs(wall));   // the system clock alone is not a time
  timeval now{};
  stub::world().sntpCallback(&now);
  CHECK(clock.wallMs(wall));
  CHECK_FALSE(stub::world().sntpRunning);
  clock.onNetworkUp(board::sntpServers);
  CHECK(stub::world().sntpStarts == 1);
  clock.askWall();
  CHECK(stub::world().sntpRunning);
  CHECK_FALSE(clock.wallMs(wall));
  clock.askWall();   // nobody has answered
  CHECK(stub::world().sntpStarts == 3);
  stub::world().sntpCallback(&now);
  CHECK(clock.wallMs(wall));
  CHECK_FALSE(stub::world().sntpRunning);
}

TEST_CASE("Arduino confirms no image by itself") { CHECK(verifyRollbackLater()); }

TEST_CASE("setup() gives the door a task with the stack that decryption needs, and loop() ends") {
  stub::reset();
  setup();
  REQUIRE(stub::world().tasks.size() == 1);
  CHECK(stub::world().tasks[0].name == "esplock-door");
  CHECK(stub::world().tasks[0].stackBytes >= 16 * 1024);
  loop();
  stub::reset();
  stub::world().taskCreationFails = true;
  setup();
  CHECK(stub::world().restarts == 1);
}
