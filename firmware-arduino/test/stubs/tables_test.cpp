// What stands in two places and must be the same: the stubs and the versions of platformio.ini, docs/door.md and src/, the
// pins and the rules for them.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "pin_map.h"

namespace fs = std::filesystem;
using board::ChipPins;
using board::PinMap;

namespace {

const fs::path firmware = FIRMWARE_ROOT;

std::string read(const fs::path& path) {
  std::ifstream file(path);
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string manual() { return read(firmware / "../docs/door.md"); }
std::string platformIni() { return read(firmware / "../platformio.ini"); }

std::string sources() {
  std::string all;
  for (const auto& entry : fs::recursive_directory_iterator(firmware / "src")) {
    if (entry.is_regular_file()) all += read(entry.path());
  }
  return all;
}

std::set<std::string> matches(const std::string& text, const char* pattern) {
  std::set<std::string> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) found.insert((*at)[1]);
  return found;
}

struct Row {
  std::string library;
  std::string names;
};

/// The checklist: header -> who it is of, and what is used of it.
std::map<std::string, Row> checklist() {
  std::map<std::string, Row> rows;
  const std::string text = manual();
  const std::regex regex("\\| `([A-Za-z0-9_/]+\\.h)` \\| ([^|]+) \\| (.*) \\|\n");
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    rows[(*at)[1]] = {(*at)[2], (*at)[3]};
  }
  return rows;
}

/// "0, 2, 26–32" as bits; what stands in brackets is for people.
std::uint64_t pinsIn(const std::string& cell) {
  std::uint64_t bits = 0;
  const std::string text = std::regex_replace(cell, std::regex("\\([^)]*\\)"), "");
  const std::regex regex("([0-9]+)(–([0-9]+))?");
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    const int first = std::stoi((*at)[1]);
    bits |= board::pinRange(first, (*at)[3].matched ? std::stoi((*at)[3]) : first);
  }
  return bits;
}

}  // namespace

TEST_CASE("every stub header says first which header of which version it mirrors, and the version is the pinned one") {
  const std::string ini = platformIni();
  REQUIRE(ini.find("links2004/WebSockets@2.7.3") != std::string::npos);
  REQUIRE(ini.find("adafruit/Adafruit NeoPixel@1.15.2") != std::string::npos);
  REQUIRE(ini.find("Arduino core 3.3.11 on ESP-IDF 5.5.5") != std::string::npos);
  const std::set<std::string> ours = {"chip.h", "net.h", "stub_flash.h", "stub_world.h"};
  const std::regex first("^// Mirrors [^\n]*\\b(links2004/WebSockets 2\\.7\\.3|Adafruit NeoPixel 1\\.15\\.2|"
                         "arduino-esp32 3\\.3\\.11|ESP-IDF 5\\.5\\.5)\\b[^\n]*\n");
  int seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(firmware / "test/stubs")) {
    const fs::path path = entry.path();
    if (path.extension() != ".h" || ours.count(path.filename().string()) != 0) continue;
    const std::string text = read(path);
    const std::string name = path.filename().string();
    CAPTURE(path.string());
    CHECK(std::regex_search(text, first, std::regex_constants::match_continuous));
    CHECK(text.substr(0, text.find('\n')).find(name) != std::string::npos);
    ++seen;
  }
  CHECK(seen > 25);
}

TEST_CASE("the checklist names every header of a library that src/ includes, and no other") {
  const auto rows = checklist();
  std::set<std::string> listed;
  for (const auto& row : rows) listed.insert(row.first);
  std::set<std::string> included = matches(sources(), "#include [<\"]((?:[A-Za-z]+/)?[A-Za-z0-9_]+\\.h)[>\"]");
  for (auto at = included.begin(); at != included.end();) {
    // Ours lie in folders of ours, and the system's in sys/.
    const bool ours = fs::exists(firmware / "src" / *at) || fs::exists(firmware / "include" / *at) ||
                      fs::exists(firmware / "lib/esplock/src" / *at) || at->rfind("sys/", 0) == 0;
    at = ours ? included.erase(at) : std::next(at);
  }
  CHECK(included == listed);
  for (const auto& row : rows) {
    CAPTURE(row.first);
    // As the stub says it.
    const std::string stub = read(firmware / "test/stubs" / row.first);
    const std::string library = row.second.library == "WebSockets 2.7.3" ? "links2004/" + row.second.library : row.second.library;
    CHECK(stub.find(library) < stub.find('\n'));
  }
}

TEST_CASE("the checklist names every function of a library that src/ calls, and no other") {
  const std::string code = sources();
  std::set<std::string> called =
      matches(code, "\\b((?:esp_|gpio_|nvs_|sntp_)[a-z0-9_]+|heap_caps_[a-z_]+|(?:x|v|ux)(?:Task|Queue|Semaphore|Message)[A-Za-z]+)\\(");
  for (const auto& method : matches(code, "\\b(?:WiFi|Serial|client|http|tls|preferences_|strip_)(?:\\.|->)([A-Za-z]+)\\(")) {
    called.insert(method);
  }
  called.erase("release");   // of unique_ptr
  std::string listed;
  for (const auto& row : checklist()) listed += row.second.names + "\n";
  for (const std::string& name : called) {
    CAPTURE(name);
    CHECK(std::regex_search(listed, std::regex("`(WebSockets::)?" + name + "[(`]")));
  }
  for (const std::string& name : matches(listed, "`((?:esp_|gpio_|nvs_|sntp_|heap_caps_|x|v|ux)[A-Za-z0-9_]+)\\(")) {
    CAPTURE(name);
    CHECK(called.count(name) == 1);
  }
  for (const std::string& name : matches(listed, "`(?:WebSockets::)?([a-z][A-Za-z]+)\\(")) {
    CAPTURE(name);
    CHECK(std::regex_search(code, std::regex("\\b" + name + "\\b")));
  }
}

TEST_CASE("the manual's table of pins to leave alone says what the build goes by") {
  const std::string text = manual();
  const struct {
    const char* name;
    const ChipPins& chip;
  } chips[] = {{"ESP32", board::esp32}, {"ESP32-S3", board::esp32S3}, {"ESP32-C3", board::esp32C3}};
  for (const auto& one : chips) {
    CAPTURE(one.name);
    std::smatch row;
    const std::string pattern = std::string("\\| ") + one.name + " \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|";
    REQUIRE(std::regex_search(text, row, std::regex(pattern)));
    CHECK(pinsIn(row[1]) == one.chip.strapping);
    CHECK(pinsIn(row[2]) == one.chip.flash);
    CHECK(pinsIn(row[3]) == one.chip.serial);
  }
}

TEST_CASE("a table with a pin that cannot be what it is for does not compile") {
  using board::pinFault;
  CHECK(pinFault(board::pins, board::chipPins) == nullptr);
  const PinMap good{"esp32dev", 27, 19, 32, 33, 26, board::noPin};
  REQUIRE(pinFault(good, board::esp32) == nullptr);
  const auto fault = [&good](int PinMap::*part, int pin) {
    PinMap map = good;
    map.*part = pin;
    const char* const text = pinFault(map, board::esp32);
    return std::string(text == nullptr ? "" : text);
  };
  for (const int pin : {0, 2, 5, 12, 15}) CHECK(fault(&PinMap::button, pin) == "a strapping pin");
  CHECK(fault(&PinMap::light, 2) == "a strapping pin");   // no pixel of the board's own there
  CHECK(fault(&PinMap::contact, 34) == "a pin that cannot drive and has no pull-up");
  CHECK(fault(&PinMap::tamper, 6) == "a pin of the flash");
  CHECK(fault(&PinMap::relay, 1) == "a pin of the console");
  CHECK(fault(&PinMap::relay, 14) == "the relay on a pin that pulses before the firmware runs");
  CHECK(fault(&PinMap::relay, 24) == "no such pin");
  CHECK(fault(&PinMap::relay, 19) == "one pin for two things");
  const PinMap c3{"esp32-c3", 3, 8, 0, 1, 10, 8};
  CHECK(pinFault(c3, board::esp32C3) == nullptr);
  PinMap loose = c3;
  loose.onBoardPixel = board::noPin;
  CHECK(std::string(pinFault(loose, board::esp32C3)) == "a strapping pin");
}

TEST_CASE("platformio.ini and the manual name the same oldest PlatformIO, and the classic ESP32 gets its dynamic buffers") {
  const std::string ini = platformIni();
  CHECK(ini.find("PlatformIO Core 6.1.19 or later") != std::string::npos);
  CHECK(manual().find("With PlatformIO Core 6.1.19 or later") != std::string::npos);
  const std::size_t classic = ini.find("[env:esp32dev]");
  const std::string section = ini.substr(classic, ini.find("[env:", classic + 1) - classic);
  CHECK(section.find("'# CONFIG_MBEDTLS_SSL_PROTO_DTLS is not set'") != std::string::npos);
  CHECK(section.find("CONFIG_MBEDTLS_DYNAMIC_BUFFER=y") != std::string::npos);
}
