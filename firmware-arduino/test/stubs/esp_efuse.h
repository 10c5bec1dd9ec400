#pragma once
#include "esp_err.h"
typedef enum { EFUSE_BLK_KEY0 = 4, EFUSE_BLK_KEY5 = 9 } esp_efuse_block_t;
typedef enum { ESP_EFUSE_KEY_PURPOSE_HMAC_UP = 8 } esp_efuse_purpose_t;
bool esp_efuse_find_purpose(esp_efuse_purpose_t purpose, esp_efuse_block_t* block);
