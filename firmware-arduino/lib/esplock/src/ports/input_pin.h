#pragma once

namespace esplock {

/// The contact sensor (and a tamper switch). The core debounces; the adapter just reads.
class InputPin {
 public:
  virtual ~InputPin() = default;

  /// False when no sensor is fitted; the core then assumes what it asked for.
  virtual bool present() = 0;

  /// Contact: true while the door leaf is open. Tamper: true while the case is open.
  virtual bool active() = 0;
};

}  // namespace esplock
