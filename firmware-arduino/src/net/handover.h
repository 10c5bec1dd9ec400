#pragma once

#include <atomic>
#include <cstdint>

namespace board {

/// Whose turn it is with one job and its buffers, shared by the door's task (D) and the network's (N). A queue of one,
/// without a lock: each step is taken by one side only, except giving up, which can meet the end of the work.
class Handover {
 public:
  /// D: may the job be filled in?
  bool isFree() const { return phase() == Phase::idle; }
  /// D: filled in.
  void request() { phase_.store(Phase::requested, std::memory_order_release); }
  /// N: is there a job? Takes it.
  bool begin() { return swap(Phase::requested, Phase::running); }
  /// N: the result is in the job, or nobody wants it any more.
  void finish() {
    if (!swap(Phase::running, Phase::finished)) phase_.store(Phase::idle, std::memory_order_release);
  }
  /// D
  bool isFinished() const { return phase() == Phase::finished; }
  /// D: has read the result.
  void release() { phase_.store(Phase::idle, std::memory_order_release); }
  /// D: no longer interested. The job stays taken until N has come back from it.
  void abandon() {
    if (swap(Phase::requested, Phase::idle) || swap(Phase::running, Phase::abandoned)) return;
    swap(Phase::finished, Phase::idle);
  }

 private:
  enum class Phase : std::uint8_t { idle, requested, running, finished, abandoned };

  Phase phase() const { return phase_.load(std::memory_order_acquire); }
  bool swap(Phase from, Phase to) { return phase_.compare_exchange_strong(from, to, std::memory_order_acq_rel); }

  std::atomic<Phase> phase_{Phase::idle};
};

}  // namespace board
