#include "platform/esp_clock.h"

#include <esp_sntp.h>
#include <esp_timer.h>
#include <sys/time.h>

#include <atomic>

namespace board {
namespace {

// Set from the network stack's task. The system clock alone tells nothing: it outlives a restart, however wrong.
std::atomic<bool> answered{false};

void onAnswer(timeval*) { answered.store(true, std::memory_order_release); }

}  // namespace

std::uint64_t EspClock::monotonicMs() { return static_cast<std::uint64_t>(esp_timer_get_time()) / 1000U; }

bool EspClock::wallMs(std::uint64_t& outMs) {
  if (servers_ == nullptr || !answered.load(std::memory_order_acquire)) return false;
  if (asking_) esp_sntp_stop();   // one answer to a question: nothing moves the system clock unasked
  asking_ = false;
  timeval now{};
  if (gettimeofday(&now, nullptr) != 0) return false;
  outMs = static_cast<std::uint64_t>(now.tv_sec) * 1000U + static_cast<std::uint64_t>(now.tv_usec) / 1000U;
  return true;
}

void EspClock::askWall() {
  if (servers_ == nullptr) return;   // onNetworkUp() asks
  if (asking_) esp_sntp_stop();
  asking_ = true;
  answered.store(false, std::memory_order_release);
  sntp_set_time_sync_notification_cb(&onAnswer);
  esp_sntp_setoperatingmode(ESP_SNTP_OPMODE_POLL);
  // The stack goes on to the next where one is silent. It keeps the pointers.
  for (std::uint8_t i = 0; i < 3; ++i) esp_sntp_setservername(i, servers_[i]);
  esp_sntp_init();
}

void EspClock::onNetworkUp(const char* const (&servers)[3]) {
  if (servers_ != nullptr) return;
  servers_ = servers;
  askWall();
}

}  // namespace board
