#include "platform/efuse_key.h"

#include <soc/soc_caps.h>

#if defined(SOC_HMAC_SUPPORTED) && SOC_HMAC_SUPPORTED
#include <esp_efuse.h>
#include <esp_hmac.h>
#endif

namespace board {

#if defined(SOC_HMAC_SUPPORTED) && SOC_HMAC_SUPPORTED

EfuseKey efuseSealingKey(std::uint8_t out[32]) {
  constexpr char label[] = "esplock sealing key v1";
  esp_efuse_block_t block = EFUSE_BLK_KEY0;
  if (!esp_efuse_find_purpose(ESP_EFUSE_KEY_PURPOSE_HMAC_UP, &block)) return EfuseKey::absent;
  const auto key = static_cast<hmac_key_id_t>(static_cast<int>(block) - static_cast<int>(EFUSE_BLK_KEY0));
  return esp_hmac_calculate(key, label, sizeof label - 1, out) == ESP_OK ? EfuseKey::derived : EfuseKey::failed;
}

#else

EfuseKey efuseSealingKey(std::uint8_t*) { return EfuseKey::absent; }   // the classic ESP32

#endif

}  // namespace board
