#pragma once

#include <cstddef>
#include <cstdint>

#include "light/pattern.h"
#include "ports/light_strip.h"

namespace esplock {

class LightListener {
 public:
  virtual ~LightListener() = default;
  virtual void onPattern(LightPattern pattern) = 0;   ///< a pattern begins; the repeats of a lasting error only once
};

/// Plays patterns one after the other without ever waiting; dark when there is nothing to show.
class LightPlayer {
 public:
  static constexpr std::size_t queueLength = 4;

  explicit LightPlayer(LightStrip& strip, LightListener* listener = nullptr) : strip_(strip), listener_(listener) {}

  /// Queues a pattern; with a full queue the oldest waiting one gives way, because the newest news matters most.
  void play(LightPattern pattern);

  /// While on, the error pattern repeats whenever nothing else is to be shown.
  void setCritical(bool on);
  bool critical() const { return critical_; }

  void poll(std::uint64_t nowMs);

 private:
  void show(Colour colour);
  void step(std::uint64_t nowMs);

  LightStrip& strip_;
  LightListener* listener_;
  LightPattern queue_[queueLength] = {};
  std::size_t queued_ = 0;
  bool playing_ = false;
  bool critical_ = false;
  bool repeating_ = false;
  LightPattern current_ = LightPattern::error;
  std::uint8_t phase_ = 0;   ///< even: lit, odd: dark
  std::uint64_t phaseEndsMs_ = 0;
  Colour shown_;
};

}  // namespace esplock
