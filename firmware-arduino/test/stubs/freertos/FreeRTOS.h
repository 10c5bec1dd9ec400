#pragma once
#include <cstddef>
#include <cstdint>
typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t;
#define pdTRUE 1
#define pdPASS 1
#define pdFAIL 0
#define portMAX_DELAY 0xffffffffU
#define pdMS_TO_TICKS(ms) (static_cast<TickType_t>(ms))
#define tskIDLE_PRIORITY 0U
