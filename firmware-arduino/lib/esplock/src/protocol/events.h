#pragma once

#include <cstdint>

namespace esplock {

/// Protocol 5.4.
enum class EventKind : std::uint8_t {
  locked,
  unlocked,
  forced_open,
  held_open,
  tamper,
  wrong_password,
  lockout,
  replay_refused,
  boot,
  fail_safe_entered,
  fail_safe_left,
  clock_unsure,
  configured,
  low_heap,
  update,
};

const char* textOf(EventKind kind);

class EventSink {
 public:
  virtual ~EventSink() = default;

  /// `name` and `value` make up `data` (flat, protocol 5.2); both literals, null for none.
  virtual void emit(EventKind kind, const char* name = nullptr, const char* value = nullptr) = 0;

  /// `update` with its three members. `phase` and `code` are literals, `code` may be empty; `version` is copied.
  virtual void emitUpdate(const char* phase, const char* version, const char* code) = 0;
};

}  // namespace esplock
