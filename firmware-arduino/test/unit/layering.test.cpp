// House rule 16: the core knows no Arduino, throws nothing, and asks no platform for the time.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Layers = std::map<std::string, std::set<std::string>>;

/// Which folder may include which; a `.cpp` counts with its folder. From the ground up.
const Layers allowed = {
    {"base", {}},
    {"json", {"base"}},
    {"protocol", {"base", "json"}},
    {"ports", {"protocol"}},
    {"log", {"ports"}},
    {"time", {"ports"}},
    {"crypto", {"base", "ports"}},
    {"jose", {"base", "json", "ports", "crypto"}},
    {"identity", {"base", "json", "ports", "crypto", "jose"}},
    {"config", {"base", "ports", "crypto"}},
    {"light", {"ports"}},
    {"lock", {"base", "protocol", "ports", "config"}},
    {"access/acts", {"base", "json", "jose", "identity", "config", "light", "lock"}},
    {"access/verifiers", {"base", "crypto"}},
    {"access", {"base", "json", "ports", "log", "time", "crypto", "jose", "access/acts", "access/verifiers"}},
    {"channels", {"base", "json", "protocol", "ports", "log", "time", "jose", "identity", "config"}},
    {"update", {"base", "json", "protocol", "ports", "log", "time", "crypto", "jose", "identity", "config", "light"}},
    {"door", {"base", "protocol", "ports", "log", "time", "crypto", "identity", "config", "light", "lock", "access/verifiers", "access", "channels", "update"}},
    {"console", {"crypto", "config", "door"}},
};

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string folderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// Folder to folder, from the `#include "…"` lines below `root`.
Layers included(const std::filesystem::path& root) {
  Layers found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    const std::string from = folderOf(std::filesystem::relative(entry.path(), root).generic_string());
    std::set<std::string>& to = found[from];
    std::istringstream lines(contents(entry.path()));
    for (std::string line; std::getline(lines, line);) {
      constexpr char start[] = "#include \"";
      if (line.rfind(start, 0) != 0) continue;
      const std::string target = folderOf(line.substr(sizeof start - 1, line.rfind('"') - sizeof start + 1));
      if (target != from) to.insert(target);
    }
  }
  return found;
}

void walk(const Layers& layers, const std::string& at, std::vector<std::string>& path, std::set<std::string>& done,
          std::vector<std::string>& faults) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != at) continue;
    std::string circle = "circle: ";
    for (; i < path.size(); ++i) circle += path[i] + " > ";
    faults.push_back(circle + at);
    return;
  }
  if (done.count(at) > 0) return;
  path.push_back(at);
  const auto row = layers.find(at);
  if (row != layers.end()) {
    for (const std::string& next : row->second) walk(layers, next, path, done, faults);
  }
  path.pop_back();
  done.insert(at);
}

std::vector<std::string> faultsOf(const Layers& found, const Layers& table) {
  std::vector<std::string> faults;
  for (const auto& [from, targets] : found) {
    const auto row = table.find(from);
    if (row == table.end()) faults.push_back("no row for " + from);
    for (const std::string& to : targets) {
      if (row != table.end() && row->second.count(to) == 0) faults.push_back(from + " may not include " + to);
    }
  }
  for (const auto& [from, targets] : table) {
    const auto row = found.find(from);
    if (row == found.end()) faults.push_back("no folder " + from);
    for (const std::string& to : targets) {
      if (row != found.end() && row->second.count(to) == 0) faults.push_back("unused: " + from + " > " + to);
    }
  }
  std::set<std::string> done;
  std::vector<std::string> path;
  for (const auto& [from, targets] : found) walk(found, from, path, done, faults);
  return faults;
}

}  // namespace

TEST_CASE("every folder of the core includes only what its row allows, without circles, and no row allows more than is used") {
  const std::vector<std::string> faults = faultsOf(included(ESPLOCK_ROOT "/lib/esplock/src"), allowed);
  for (const std::string& fault : faults) FAIL_CHECK(fault);
}

TEST_CASE("the layer test sees a circle through a .cpp, what no row allows, and a permission nobody uses") {
  const Layers table = {{"low", {"base"}}, {"high", {"low"}}, {"base", {}}};
  const std::vector<std::string> faults = faultsOf(included(ESPLOCK_ROOT "/test/layers"), table);
  CHECK(faults == std::vector<std::string>{"low may not include high", "unused: low > base", "circle: high > low > high"});
  CHECK(faultsOf({{"new", {}}}, {{"old", {}}}) == std::vector<std::string>{"no row for new", "no folder old"});
}

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
