#pragma once
#include "freertos/FreeRTOS.h"
struct StreamBufferDef_t;
typedef StreamBufferDef_t* MessageBufferHandle_t;
MessageBufferHandle_t xMessageBufferCreate(size_t bytes);
size_t xMessageBufferSend(MessageBufferHandle_t buffer, const void* data, size_t length, TickType_t wait);
size_t xMessageBufferReceive(MessageBufferHandle_t buffer, void* out, size_t capacity, TickType_t wait);
size_t xMessageBufferSpacesAvailable(MessageBufferHandle_t buffer);
