// Mirrors freertos/task.h of ESP-IDF 5.5.5. Stacks are counted in bytes there, not in words.
#pragma once
#include "freertos/FreeRTOS.h"
struct tskTaskControlBlock;
typedef struct tskTaskControlBlock* TaskHandle_t;
typedef void (*TaskFunction_t)(void*);
#define tskIDLE_PRIORITY ((UBaseType_t)0U)
extern "C" {
BaseType_t xTaskCreate(TaskFunction_t pxTaskCode, const char* const pcName, const configSTACK_DEPTH_TYPE usStackDepth,
                       void* const pvParameters, UBaseType_t uxPriority, TaskHandle_t* const pxCreatedTask);
void vTaskDelete(TaskHandle_t xTaskToDelete);
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t xTask);
void vTaskDelay(const TickType_t xTicksToDelay);
}
