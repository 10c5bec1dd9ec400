// Mirrors freertos/message_buffer.h of ESP-IDF 5.5.5, whose names are macros over stream buffers.
#pragma once
#include "freertos/FreeRTOS.h"
struct StreamBufferDef_t;
typedef struct StreamBufferDef_t* StreamBufferHandle_t;
typedef StreamBufferHandle_t MessageBufferHandle_t;
MessageBufferHandle_t xMessageBufferCreate(size_t xBufferSizeBytes);
size_t xMessageBufferSend(MessageBufferHandle_t xMessageBuffer, const void* pvTxData, size_t xDataLengthBytes,
                          TickType_t xTicksToWait);
size_t xMessageBufferReceive(MessageBufferHandle_t xMessageBuffer, void* pvRxData, size_t xBufferLengthBytes,
                             TickType_t xTicksToWait);
size_t xMessageBufferSpacesAvailable(MessageBufferHandle_t xMessageBuffer);
