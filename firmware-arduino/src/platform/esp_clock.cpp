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
  if (!asking_ || welcomed_ || !answered.load(std::memory_order_acquire)) return false;
  timeval now{};
  if (gettimeofday(&now, nullptr) != 0) return false;
  outMs = static_cast<std::uint64_t>(now.tv_sec) * 1000U + static_cast<std::uint64_t>(now.tv_usec) / 1000U;
  return true;
}

void EspClock::onNetworkUp(const char* server) {
  if (asking_ || welcomed_) return;
  asking_ = true;
  answered.store(false, std::memory_order_release);
  sntp_set_time_sync_notification_cb(&onAnswer);
  esp_sntp_setoperatingmode(ESP_SNTP_OPMODE_POLL);
  esp_sntp_setservername(0, server);   // keeps the pointer
  esp_sntp_init();
}

void EspClock::onWelcome() {
  if (welcomed_) return;
  welcomed_ = true;
  if (asking_) esp_sntp_stop();
}

}  // namespace board
