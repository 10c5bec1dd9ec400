// Mirrors esp_sntp.h (lwip) of ESP-IDF 5.5.5. Three names need CONFIG_LWIP_SNTP_MAX_SERVERS=3, which Arduino's libraries have.
#pragma once
#include <cstdint>
#include <sys/time.h>
typedef uint8_t u8_t;
typedef void (*sntp_sync_time_cb_t)(struct timeval* tv);
typedef enum { ESP_SNTP_OPMODE_POLL, ESP_SNTP_OPMODE_LISTENONLY } esp_sntp_operatingmode_t;
extern "C" {
void sntp_set_time_sync_notification_cb(sntp_sync_time_cb_t callback);
void esp_sntp_setoperatingmode(esp_sntp_operatingmode_t operating_mode);
void esp_sntp_setservername(u8_t idx, const char* server);
void esp_sntp_init(void);
void esp_sntp_stop(void);
}
