// Durable storage of small values: a Preferences namespace in a partition of its own, or files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace esplock {

enum class StoreResult : std::uint8_t { ok, missing, failed };

/// Keys are ASCII and at most 15 characters (the limit of NVS); values are at most `maxValueBytes`.
class KeyValueStore {
 public:
  static constexpr std::size_t maxKeyLength = 15;
  static constexpr std::size_t maxValueBytes = 12 * 1024;

  virtual ~KeyValueStore() = default;

  /// Copies the value into `out` and sets `length`. `failed` also when it is longer than `capacity`.
  virtual StoreResult read(const char* key, std::uint8_t* out, std::size_t capacity, std::size_t& length) = 0;

  /// Durable and atomic by the time it returns true: after a power cut the key holds the whole old or the
  /// whole new value. The replay mark relies on it (protocol 6.6: persisted before acting).
  virtual bool write(const char* key, const std::uint8_t* value, std::size_t length) = 0;

  /// True when the key is gone afterwards, also when it was never there.
  virtual bool erase(const char* key) = 0;
};

}  // namespace esplock
