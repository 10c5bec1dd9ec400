#include "stub_flash.h"

#include <algorithm>
#include <cstdlib>

#include "esp_image_format.h"
#include "esp_system.h"

namespace stub {
namespace {

constexpr std::size_t sectorBytes = 4096;
constexpr esp_partition_t slotAt(std::uint32_t address, esp_partition_subtype_t subtype) {
  return {nullptr, ESP_PARTITION_TYPE_APP, subtype, address, Flash::slotBytes, sectorBytes, "app", false, false};
}
const esp_partition_t partitions[2] = {slotAt(0x10000, ESP_PARTITION_SUBTYPE_APP_OTA_0),
                                       slotAt(0x1e0000, ESP_PARTITION_SUBTYPE_APP_OTA_1)};

int slotOf(const esp_partition_t* partition) { return partition == &partitions[1] ? 1 : 0; }

}  // namespace

Flash& flash() {
  static Flash it;
  return it;
}
void resetFlash() { flash() = Flash{}; }

void Flash::put(int slot, const Blob& image) {
  std::copy(image.begin(), image.end(), slots[slot].begin());
  imageLength[slot] = static_cast<std::uint32_t>(image.size());
}

void Flash::boot() {
  if (state == ESP_OTA_IMG_PENDING_VERIFY || state == ESP_OTA_IMG_INVALID) {
    state = ESP_OTA_IMG_VALID;
    bootSlot = 1 - bootSlot;
  } else if (state == ESP_OTA_IMG_NEW) {
    state = ESP_OTA_IMG_PENDING_VERIFY;
  }
  running = bootSlot;
}

}  // namespace stub

using stub::flash;
using stub::partitions;
using stub::slotOf;

esp_err_t esp_partition_read(const esp_partition_t* partition, size_t offset, void* out, size_t size) {
  if (flash().broken || offset + size > partition->size) return ESP_FAIL;
  std::copy_n(flash().slots[slotOf(partition)].begin() + static_cast<std::ptrdiff_t>(offset), size,
              static_cast<uint8_t*>(out));
  return ESP_OK;
}
esp_err_t esp_partition_write(const esp_partition_t* partition, size_t offset, const void* data, size_t size) {
  if (flash().broken || offset + size > partition->size) return ESP_FAIL;
  if (slotOf(partition) == flash().running) std::abort();   // the program under its own feet
  const auto* const bytes = static_cast<const uint8_t*>(data);
  for (size_t i = 0; i < size; ++i) flash().slots[slotOf(partition)][offset + i] &= bytes[i];   // as flash does
  return ESP_OK;
}
esp_err_t esp_partition_erase_range(const esp_partition_t* partition, size_t offset, size_t size) {
  if (offset % stub::sectorBytes != 0 || size % stub::sectorBytes != 0) return ESP_FAIL;
  if (flash().broken || offset + size > partition->size) return ESP_FAIL;
  if (slotOf(partition) == flash().running) std::abort();
  const auto begin = flash().slots[slotOf(partition)].begin() + static_cast<std::ptrdiff_t>(offset);
  std::fill_n(begin, size, 0xFF);
  flash().erased.push_back(offset);
  return ESP_OK;
}

const esp_partition_t* esp_ota_get_running_partition(void) { return &partitions[flash().running]; }
const esp_partition_t* esp_ota_get_next_update_partition(const esp_partition_t*) {
  return flash().hasSecond ? &partitions[1 - flash().running] : nullptr;
}
esp_err_t esp_ota_set_boot_partition(const esp_partition_t* partition) {
  if (flash().broken || !flash().imageGood) return ESP_FAIL;
  flash().bootSlot = slotOf(partition);
  flash().state = ESP_OTA_IMG_NEW;
  return ESP_OK;
}
esp_err_t esp_ota_get_state_partition(const esp_partition_t* partition, esp_ota_img_states_t* state) {
  if (slotOf(partition) != flash().bootSlot) return ESP_FAIL;
  *state = flash().state;
  return ESP_OK;
}
esp_err_t esp_ota_mark_app_valid_cancel_rollback(void) {
  ++flash().marksValid;
  if (flash().broken) return ESP_FAIL;
  flash().state = ESP_OTA_IMG_VALID;
  return ESP_OK;
}
esp_err_t esp_ota_mark_app_invalid_rollback_and_reboot(void) {
  ++flash().marksInvalid;
  if (flash().invalidFails) return ESP_FAIL;
  flash().state = ESP_OTA_IMG_INVALID;
  esp_restart();
  return ESP_OK;
}

esp_err_t esp_image_get_metadata(const esp_partition_pos_t* part, esp_image_metadata_t* metadata) {
  const int slot = part->offset == partitions[1].address ? 1 : 0;
  metadata->start_addr = part->offset;
  metadata->image_len = flash().imageLength[slot];
  return metadata->image_len > 0 && !flash().broken ? ESP_OK : ESP_FAIL;
}
