#pragma once

#include <string>

#include "ports/key_value_store.h"

namespace host {

/// One file a key in a directory that one process holds at a time. A write goes to a temporary file, is synced and
/// renamed, and the directory synced: after a power cut or kill -9 a key holds the whole old or the whole new value.
class FileStore final : public esplock::KeyValueStore {
 public:
  enum class OpenResult { ok, in_use, failed };

  ~FileStore() override;

  /// Makes the directory (mode 0700) if needed. False when that cannot be.
  static bool make(const std::string& directory);

  /// Makes the directory if needed and takes its lock for as long as the store lives. A holder may be about to die, and
  /// a killed process lets go a moment after its parent: `patienceMs` waits for that.
  OpenResult open(const std::string& directory, unsigned patienceMs = 0);

  /// Without the lock, for a directory that belongs to the process that started this one.
  OpenResult openUnlocked(const std::string& directory);

  /// Descriptor of the directory, for files that are more than a value; -1 before open.
  int directory() const { return directory_; }

  esplock::StoreResult read(const char* key, std::uint8_t* out, std::size_t capacity, std::size_t& length) override;
  bool write(const char* key, const std::uint8_t* value, std::size_t length) override;
  bool erase(const char* key) override;

 private:
  bool syncDirectory() const;

  int directory_ = -1;
  int lock_ = -1;
};

}  // namespace host
