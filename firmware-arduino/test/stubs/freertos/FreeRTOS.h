// Mirrors freertos/FreeRTOS.h, portmacro.h and projdefs.h of ESP-IDF 5.5.5, with Arduino's tick of 1 ms.
#pragma once
#include <cstddef>
#include <cstdint>
typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t;
#define configTICK_RATE_HZ 1000
#define configSTACK_DEPTH_TYPE uint32_t
#define pdFALSE ((BaseType_t)0)
#define pdTRUE ((BaseType_t)1)
#define pdPASS (pdTRUE)
#define pdFAIL (pdFALSE)
#define portMAX_DELAY ((TickType_t)0xffffffffUL)
#define pdMS_TO_TICKS(ms) ((TickType_t)(((TickType_t)(ms) * (TickType_t)configTICK_RATE_HZ) / (TickType_t)1000U))
