#include "light/light_player.h"

namespace esplock {

void LightPlayer::play(LightPattern pattern) {
  for (std::size_t i = 0; i < queued_; ++i) {
    if (queue_[i] == pattern) return;   // said once is enough; the place is for other news
  }
  if (queued_ == queueLength) {
    for (std::size_t i = 1; i < queueLength; ++i) queue_[i - 1] = queue_[i];
    --queued_;
  }
  queue_[queued_++] = pattern;
}

void LightPlayer::setCritical(bool on) {
  critical_ = on;
  repeating_ = repeating_ && on;
}

void LightPlayer::show(Colour colour) {
  if (colour == shown_) return;
  shown_ = colour;
  strip_.show(colour);
}

void LightPlayer::poll(std::uint64_t nowMs) {
  if (playing_ && nowMs >= phaseEndsMs_) step(nowMs);
  if (playing_) return;
  if (queued_ > 0) {
    current_ = queue_[0];
    if (listener_ != nullptr) listener_->onPattern(current_);
    for (std::size_t i = 1; i < queued_; ++i) queue_[i - 1] = queue_[i];
    --queued_;
  } else if (critical_) {
    current_ = LightPattern::error;
    if (!repeating_ && listener_ != nullptr) listener_->onPattern(current_);
    repeating_ = true;
  } else {
    return;
  }
  playing_ = true;
  phase_ = 0;
  phaseEndsMs_ = nowMs + rowOf(current_).onMs;
  show(rowOf(current_).rgb);
}

void LightPlayer::step(std::uint64_t nowMs) {
  const LightRow& row = rowOf(current_);
  ++phase_;
  const bool lit = phase_ % 2 == 0;
  if (phase_ >= row.times * 2) {
    playing_ = false;
    show(Colour{});
    return;
  }
  phaseEndsMs_ = nowMs + row.onMs;
  show(lit ? row.rgb : Colour{});
}

}  // namespace esplock
