#include "platform/esp_update_slot.h"

#include <esp_image_format.h>
#include <esp_ota_ops.h>

#include "crypto/stream_hash.h"

namespace board {

using esplock::Status;

const esp_partition_t* EspUpdateSlot::other() {
  if (other_ == nullptr) other_ = esp_ota_get_next_update_partition(nullptr);
  return other_;
}

std::size_t EspUpdateSlot::capacity() { return other() != nullptr ? other()->size : 0; }

bool EspUpdateSlot::begin(std::size_t size, std::size_t resumeOffset) {
  size_ = 0;
  if (size == 0 || size > capacity() || resumeOffset > size) return false;
  size_ = size;
  return true;
}

bool EspUpdateSlot::write(std::size_t offset, const std::uint8_t* data, std::size_t length) {
  const bool fits = offset % blockBytes == 0 && length <= blockBytes && offset <= size_ && length <= size_ - offset;
  return fits && esp_partition_erase_range(other_, offset, blockBytes) == ESP_OK &&
         esp_partition_write(other_, offset, data, length) == ESP_OK;
}

bool EspUpdateSlot::read(std::size_t offset, std::uint8_t* out, std::size_t length) {
  if (offset > size_ || length > size_ - offset) return false;
  return esp_partition_read(other_, offset, out, length) == ESP_OK;
}

bool EspUpdateSlot::activate() { return size_ > 0 && esp_ota_set_boot_partition(other_) == ESP_OK; }

bool EspUpdateSlot::onTrial() {
  esp_ota_img_states_t state = ESP_OTA_IMG_UNDEFINED;
  const esp_partition_t* const running = esp_ota_get_running_partition();
  return running != nullptr && esp_ota_get_state_partition(running, &state) == ESP_OK &&
         state == ESP_OTA_IMG_PENDING_VERIFY;
}

bool EspUpdateSlot::confirm() { return esp_ota_mark_app_valid_cancel_rollback() == ESP_OK; }

bool EspUpdateSlot::rollback() {
  esp_ota_mark_app_invalid_rollback_and_reboot();
  // It comes back only where it could not write so. Any restart does then: the boot loader starts no image on trial twice.
  return true;
}

bool EspUpdateSlot::runningDigest(std::uint8_t out[32]) {
  const esp_partition_t* const running = esp_ota_get_running_partition();
  if (running == nullptr) return false;
  const esp_partition_pos_t position = {running->address, running->size};
  esp_image_metadata_t image = {};
  // Up to the image's own digest and with it: what follows in the partition is left from before.
  if (esp_image_get_metadata(&position, &image) != ESP_OK || image.image_len > running->size) return false;
  esplock::crypto::StreamHash hash;
  bool good = hash.begin() == Status::ok;
  std::uint8_t bytes[1024];
  for (std::size_t at = 0; good && at < image.image_len;) {
    const std::size_t left = image.image_len - at;
    const std::size_t length = left < sizeof bytes ? left : sizeof bytes;
    good = esp_partition_read(running, at, bytes, length) == ESP_OK && hash.add(bytes, length) == Status::ok;
    at += length;
  }
  return good && hash.finish(out) == Status::ok;
}

}  // namespace board
