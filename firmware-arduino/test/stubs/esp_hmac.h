// Mirrors esp_hmac.h of ESP-IDF 5.5.5.
#pragma once
#include <cstddef>
#include <cstdint>
#include "esp_err.h"
#include "hal/hmac_types.h"
#include "soc/soc_caps.h"
#if !defined(SOC_HMAC_SUPPORTED) && !defined(STUB_WORLD)
#error "HMAC peripheral is not supported for the selected target"
#endif
extern "C" esp_err_t esp_hmac_calculate(hmac_key_id_t key_id, const void* message, size_t message_len, uint8_t* hmac);
