// The app partitions and the boot loader of the stubs: flash that only erasing sets to ones, and ESP-IDF's states.
#pragma once

#include "esp_ota_ops.h"
#include "stub_world.h"

namespace stub {

struct Flash {
  static constexpr std::size_t slotBytes = 64 * 1024;
  Blob slots[2] = {Blob(slotBytes, 0xFF), Blob(slotBytes, 0xFF)};
  std::uint32_t imageLength[2] = {0, 0};   ///< what esp_image_get_metadata would find; 0: no image
  int running = 0;
  int bootSlot = 0;
  esp_ota_img_states_t state = ESP_OTA_IMG_UNDEFINED;
  bool hasSecond = true;
  bool broken = false;
  bool invalidFails = false;
  bool imageGood = true;     ///< what esp_ota_set_boot_partition finds
  int marksValid = 0;
  int marksInvalid = 0;
  std::vector<std::size_t> erased;

  void put(int slot, const Blob& image);

  /// What the boot loader does before the next start.
  void boot();
};

Flash& flash();
void resetFlash();

}  // namespace stub
