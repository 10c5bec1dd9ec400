#pragma once
#include <cstdint>
struct timeval;
typedef void (*sntp_sync_time_cb_t)(struct timeval* tv);
typedef enum { ESP_SNTP_OPMODE_POLL } esp_sntp_operatingmode_t;
void sntp_set_time_sync_notification_cb(sntp_sync_time_cb_t callback);
void esp_sntp_setoperatingmode(esp_sntp_operatingmode_t mode);
void esp_sntp_setservername(uint8_t index, const char* server);
void esp_sntp_init();
void esp_sntp_stop();
