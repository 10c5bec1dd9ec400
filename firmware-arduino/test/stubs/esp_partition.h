#pragma once
#include <cstddef>
#include <cstdint>
#include "esp_err.h"
struct esp_partition_t {
  uint32_t address;
  uint32_t size;
};
#ifdef __cplusplus
extern "C" {
#endif
esp_err_t esp_partition_read(const esp_partition_t* partition, size_t offset, void* out, size_t size);
esp_err_t esp_partition_write(const esp_partition_t* partition, size_t offset, const void* data, size_t size);
esp_err_t esp_partition_erase_range(const esp_partition_t* partition, size_t offset, size_t size);
#ifdef __cplusplus
}
#endif
