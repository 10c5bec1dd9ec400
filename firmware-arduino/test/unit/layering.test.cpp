// House rule 16: the core knows no Arduino, throws nothing, and asks no platform for the time.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("no file of the core includes Arduino, ESP-IDF or the host, throws, or asks for the time itself") {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(ESPLOCK_ROOT "/lib/esplock/src")) {
    const auto extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp") continue;
    ++files;
    const std::string text = contents(entry.path());
    CAPTURE(entry.path().string());
    for (const char* word : {"<Arduino", "\"Arduino", "<esp_", "\"esp_", "<freertos", "<WiFi", "<Preferences", "<mbedtls/",
                             "libwebsockets", "throw ", "dynamic_cast", "typeid(", "millis()", "<chrono>", "<ctime>",
                             "<thread>", "std::string ", "std::vector", "malloc("}) {
      CAPTURE(word);
      CHECK(text.find(word) == std::string::npos);
    }
  }
  CHECK(files > 60);
}

TEST_CASE("only the crypto folder speaks to the crypto library") {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(ESPLOCK_ROOT "/lib/esplock/src")) {
    if (!entry.is_regular_file() || entry.path().parent_path().filename() == "crypto") continue;
    CAPTURE(entry.path().string());
    CHECK(contents(entry.path()).find("<psa/") == std::string::npos);
  }
}
