// Mirrors soc/soc_caps.h of ESP-IDF 5.5.5: the classic ESP32 has no HMAC block, and does not define the name at all.
#pragma once
#if defined(CONFIG_IDF_TARGET_ESP32S3) || defined(CONFIG_IDF_TARGET_ESP32C3)
#define SOC_HMAC_SUPPORTED 1
#endif
