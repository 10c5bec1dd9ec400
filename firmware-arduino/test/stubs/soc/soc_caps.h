#pragma once
// As in ESP-IDF: the classic ESP32 has no HMAC block, and its soc_caps.h does not define the name at all.
#if defined(CONFIG_IDF_TARGET_ESP32S3) || defined(CONFIG_IDF_TARGET_ESP32C3)
#define SOC_HMAC_SUPPORTED (1)
#endif
