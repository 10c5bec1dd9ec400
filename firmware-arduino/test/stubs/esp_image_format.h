// Mirrors esp_image_format.h of ESP-IDF 5.5.5 (the headers of the segments as so many bytes).
#pragma once
#include <cstdint>
#include "esp_err.h"
#include "esp_flash_partitions.h"
typedef struct {
  uint32_t start_addr;
  uint8_t image[24];
  uint8_t segments[16 * 8];
  uint32_t segment_data[16];
  uint32_t image_len;
  uint8_t image_digest[32];
  uint32_t secure_version;
  uint32_t mmu_page_size;
} esp_image_metadata_t;
extern "C" esp_err_t esp_image_get_metadata(const esp_partition_pos_t* part, esp_image_metadata_t* metadata);
