#include "platform/preferences_store.h"

#include <cstring>

namespace board {

using esplock::StoreResult;

bool PreferencesStore::open() {
  if (open_) return true;
  if (!preferences_.begin(nameSpace_, false, partition_)) return false;
  // Preferences tells "not there" and "cannot be read" alike. For the core these are worlds apart: the one is a new
  // door that makes its key, the other a damaged one that must not. So reading goes past it, to NVS itself.
  open_ = nvs_open_from_partition(partition_, nameSpace_, NVS_READONLY, &reader_) == ESP_OK;
  return open_;
}

bool PreferencesStore::usable(const char* key) const {
  return open_ && key != nullptr && key[0] != '\0' && std::strlen(key) <= maxKeyLength;
}

StoreResult PreferencesStore::read(const char* key, std::uint8_t* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  if (!usable(key)) return StoreResult::failed;
  std::size_t size = 0;
  const esp_err_t asked = nvs_get_blob(reader_, key, nullptr, &size);
  if (asked == ESP_ERR_NVS_NOT_FOUND) return StoreResult::missing;
  if (asked != ESP_OK || size > capacity) return StoreResult::failed;
  if (nvs_get_blob(reader_, key, out, &size) != ESP_OK) return StoreResult::failed;
  length = size;
  return StoreResult::ok;
}

bool PreferencesStore::write(const char* key, const std::uint8_t* value, std::size_t length) {
  if (!usable(key) || length == 0 || length > maxValueBytes) return false;
  return preferences_.putBytes(key, value, length) == length;
}

bool PreferencesStore::erase(const char* key) {
  if (!usable(key)) return false;
  std::size_t size = 0;
  if (nvs_get_blob(reader_, key, nullptr, &size) == ESP_ERR_NVS_NOT_FOUND) return true;
  return preferences_.remove(key);
}

}  // namespace board
