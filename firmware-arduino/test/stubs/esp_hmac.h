#pragma once
#include <cstddef>
#include <cstdint>
#include "esp_err.h"
typedef enum { HMAC_KEY0 = 0, HMAC_KEY5 = 5, HMAC_KEY_MAX } hmac_key_id_t;
esp_err_t esp_hmac_calculate(hmac_key_id_t key, const void* message, size_t length, uint8_t* out);
