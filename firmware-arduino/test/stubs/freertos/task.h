#pragma once
#include "freertos/FreeRTOS.h"
struct tskTaskControlBlock;
typedef tskTaskControlBlock* TaskHandle_t;
typedef void (*TaskFunction_t)(void*);
BaseType_t xTaskCreate(TaskFunction_t function, const char* name, uint32_t stackBytes, void* argument,
                       UBaseType_t priority, TaskHandle_t* handle);
void vTaskDelete(TaskHandle_t task);
void vTaskDelay(TickType_t ticks);
