#pragma once
#include <cstdint>
#include "esp_err.h"
struct esp_partition_pos_t {
  uint32_t offset;
  uint32_t size;
};
struct esp_image_metadata_t {
  uint32_t start_addr;
  uint32_t image_len;
};
#ifdef __cplusplus
extern "C" {
#endif
esp_err_t esp_image_get_metadata(const esp_partition_pos_t* part, esp_image_metadata_t* metadata);
#ifdef __cplusplus
}
#endif
