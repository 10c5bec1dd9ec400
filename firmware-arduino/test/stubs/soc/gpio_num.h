// Mirrors soc/gpio_num.h of ESP-IDF 5.5.5: the pads each chip has.
#pragma once
typedef enum {
  GPIO_NUM_NC = -1,
  GPIO_NUM_0 = 0,
#if defined(CONFIG_IDF_TARGET_ESP32C3)
  GPIO_NUM_MAX = 22,
#elif defined(CONFIG_IDF_TARGET_ESP32S3)
  GPIO_NUM_MAX = 49,
#else
  GPIO_NUM_MAX = 40,
#endif
} gpio_num_t;
