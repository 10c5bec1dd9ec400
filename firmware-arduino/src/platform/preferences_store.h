#pragma once

#include <Preferences.h>
#include <nvs.h>

#include "ports/key_value_store.h"

namespace board {

/// A Preferences namespace in a partition of its own. A blob in NVS is replaced atomically and lasts once committed,
/// which is what the port asks for (protocol 6.6: the mark is persisted before acting).
class PreferencesStore final : public esplock::KeyValueStore {
 public:
  PreferencesStore(const char* partition, const char* nameSpace) : partition_(partition), nameSpace_(nameSpace) {}

  /// False leaves every call failing. A partition that does not open is never erased here: it holds the door's key.
  bool open();

  esplock::StoreResult read(const char* key, std::uint8_t* out, std::size_t capacity, std::size_t& length) override;
  bool write(const char* key, const std::uint8_t* value, std::size_t length) override;
  bool erase(const char* key) override;

 private:
  bool usable(const char* key) const;

  const char* partition_;
  const char* nameSpace_;
  Preferences preferences_;
  nvs_handle_t reader_ = 0;
  bool open_ = false;
};

}  // namespace board
