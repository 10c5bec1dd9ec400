#pragma once
#include <cstdint>
#ifdef __cplusplus
extern "C" {
#endif
void esp_restart(void);
uint32_t esp_get_free_heap_size(void);
#ifdef __cplusplus
}
#endif
