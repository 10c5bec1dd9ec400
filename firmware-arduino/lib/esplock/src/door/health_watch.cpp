#include "door/health_watch.h"

namespace esplock {
namespace {

constexpr std::uint64_t heapLookEveryMs = 1'000;
constexpr std::uint64_t heapReportEveryMs = 3'600'000;

}  // namespace

void HealthWatch::poll(std::uint64_t nowMs) {
  watchTamper(nowMs);
  watchHeap(nowMs);
}

void HealthWatch::watchTamper(std::uint64_t nowMs) {
  const bool open = parts_.tamper != nullptr && parts_.tamper->present() && parts_.tamper->active();
  if (tamper_.update(open, nowMs, parts_.debounceMs) && open) parts_.events.emit(EventKind::tamper);
}

void HealthWatch::watchHeap(std::uint64_t nowMs) {
  if (nowMs < nextHeapMs_) return;
  nextHeapMs_ = nowMs + heapLookEveryMs;
  const std::size_t heap = parts_.system.freeHeap();
  if (heap == 0 || heap >= lowHeapBytes) return;
  nextHeapMs_ = nowMs + heapReportEveryMs;
  parts_.events.emit(EventKind::low_heap);
  parts_.log.write(LogLevel::warning, "heap.low", static_cast<std::int64_t>(heap));
  const std::size_t block = parts_.system.largestFreeBlock();
  if (block > 0) parts_.log.write(LogLevel::warning, "heap.largest_block", static_cast<std::int64_t>(block));
}

bool HealthWatch::clockChanged(bool live) {
  const ClockTold now = parts_.time.sure() ? ClockTold::sure : ClockTold::unsure;
  if (now == clockTold_ || (clockTold_ == ClockTold::nothing && !live)) return false;
  const bool first = clockTold_ == ClockTold::nothing;
  const bool sure = now == ClockTold::sure;
  clockTold_ = now;
  if (!sure) parts_.events.emit(EventKind::clock_unsure);
  parts_.log.write(sure ? LogLevel::info : LogLevel::warning, sure ? "clock.sure" : "clock.unsure");
  return !first;
}

void HealthWatch::onMemory(bool enough) {
  memoryFailures_ = enough ? 0 : memoryFailures_ + 1;
  if (enough) return;
  parts_.log.write(LogLevel::error, "memory.none", memoryFailures_);
  if (memoryFailures_ >= memoryFailureLimit) parts_.restart.request(parts_.time.monotonicMs());
}

}  // namespace esplock
