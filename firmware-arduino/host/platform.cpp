#include "platform.h"

#include <sys/random.h>

#include <cerrno>
#include <charconv>
#include <chrono>

namespace host {

std::uint64_t HostClock::monotonicMs() {
  using namespace std::chrono;
  static const auto start = steady_clock::now();
  return static_cast<std::uint64_t>(duration_cast<milliseconds>(steady_clock::now() - start).count()) + 1;
}

bool HostClock::wallMs(std::uint64_t& outMs) {
  using namespace std::chrono;
  if (!answers_) return false;
  outMs = static_cast<std::uint64_t>(duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count() + offsetMs_);
  return true;
}

bool HostClock::setSntp(std::string_view text) {
  constexpr std::string_view offset = "offset:";
  constexpr std::int64_t centuryMs = std::int64_t{36'525} * 86'400'000;
  std::int64_t ms = 0;
  if (text.substr(0, offset.size()) == offset) {
    const std::string_view digits = text.substr(offset.size());
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), ms);
    if (fault != std::errc() || end != digits.data() + digits.size() || ms < -centuryMs || ms > centuryMs) return false;
  } else if (text != "system" && text != "none") {
    return false;
  }
  answers_ = text != "none";
  offsetMs_ = ms;
  return true;
}

bool HostRandom::fill(std::uint8_t* out, std::size_t length) {
  while (length > 0) {
    const ssize_t got = ::getrandom(out, length, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out += got;
    length -= static_cast<std::size_t>(got);
  }
  return true;
}

void HostSystem::finishWork() {
  if (worker_.joinable()) worker_.join();
}

bool HostSystem::sealingKey(std::uint8_t out[32]) {
  constexpr char name[] = "seal.key";
  std::size_t length = 0;
  const esplock::StoreResult result = store_.read(name, out, 32, length);
  if (result == esplock::StoreResult::ok) return length == 32;
  if (result != esplock::StoreResult::missing) return false;
  return random_.fill(out, 32) && store_.write(name, out, 32);
}

bool HostSystem::runInBackground(void (*work)(void*), void* argument) {
  finishWork();
  worker_ = std::thread(work, argument);
  return true;
}

}  // namespace host
