#pragma once

namespace board {

/// The task watchdog over the task that runs the lock: if its turns stop, the chip restarts, and a restart locks.
class Watchdog {
 public:
  /// Watches the calling task from now on. False when it cannot be had.
  bool begin();
  void feed();
};

}  // namespace board
