// Mirrors esp_efuse.h and esp_efuse_chip.h (S3, C3) of ESP-IDF 5.5.5.
#pragma once
#include "esp_err.h"
typedef enum {
  EFUSE_BLK_KEY0 = 4,
  EFUSE_BLK_KEY1 = 5,
  EFUSE_BLK_KEY2 = 6,
  EFUSE_BLK_KEY3 = 7,
  EFUSE_BLK_KEY4 = 8,
  EFUSE_BLK_KEY5 = 9,
  EFUSE_BLK_KEY_MAX = 10,
} esp_efuse_block_t;
typedef enum { ESP_EFUSE_KEY_PURPOSE_HMAC_UP = 8 } esp_efuse_purpose_t;
extern "C" bool esp_efuse_find_purpose(esp_efuse_purpose_t purpose, esp_efuse_block_t* block);
