#define STUB_WORLD   // the world has every chip's parts
#include "stub_world.h"

#include <cstdlib>
#include <map>
#include <memory>

#include "Arduino.h"
#include "Preferences.h"
#include "WiFi.h"
#include "driver/gpio.h"
#include "esp_efuse.h"
#include "esp_heap_caps.h"
#include "esp_hmac.h"
#include "esp_random.h"
#include "esp_sntp.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "esp_timer.h"
#include "freertos/message_buffer.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "nvs.h"

namespace stub {

World& world() {
  static World it;
  return it;
}

void reset() { world() = World{}; }

bool runTask(const std::string& name) {
  std::vector<Task>& tasks = world().tasks;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].name != name) continue;
    const Task task = tasks[i];
    tasks.erase(tasks.begin() + static_cast<std::ptrdiff_t>(i));
    task.function(task.argument);
    return true;
  }
  return false;
}

}  // namespace stub

using stub::world;

HardwareSerial Serial(0);

unsigned long millis() { return static_cast<unsigned long>(world().nowMs); }

// ---- pins ----

esp_err_t gpio_config(const gpio_config_t* config) {
  for (int pin = 0; pin < 64; ++pin) {
    if ((config->pin_bit_mask >> pin & 1U) == 0) continue;
    const bool output = config->mode == GPIO_MODE_OUTPUT;
    world().pins.push_back({output ? stub::PinEvent::Kind::output : stub::PinEvent::Kind::input, pin, 0});
  }
  return ESP_OK;
}
esp_err_t gpio_set_level(gpio_num_t pin, uint32_t level) {
  world().pins.push_back({stub::PinEvent::Kind::level, static_cast<int>(pin), level});
  return ESP_OK;
}
int gpio_get_level(gpio_num_t pin) {
  const auto found = world().inputLevels.find(static_cast<int>(pin));
  return found == world().inputLevels.end() ? 1 : found->second;
}

// ---- FreeRTOS ----

BaseType_t xTaskCreate(TaskFunction_t function, const char* const name, const uint32_t stackBytes, void* const argument,
                       UBaseType_t priority, TaskHandle_t* const handle) {
  static char one;   // any address but null
  if (handle != nullptr) *handle = reinterpret_cast<TaskHandle_t>(&one);
  if (world().taskCreationFails) return pdFAIL;
  world().tasks.push_back({function, name, stackBytes, argument, priority});
  return pdPASS;
}
void vTaskDelete(TaskHandle_t) {}
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task) { return task == nullptr ? world().ownStackLeft : world().netStackLeft; }
void vTaskDelay(TickType_t ticks) { world().nowMs += ticks; }

struct QueueDefinition {
  bool taken = false;
};
SemaphoreHandle_t xSemaphoreCreateMutex() {
  static std::vector<std::unique_ptr<QueueDefinition>> all;
  all.push_back(std::make_unique<QueueDefinition>());
  return all.back().get();
}
BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t) {
  if (semaphore->taken) std::abort();   // one thread: it would wait for itself
  semaphore->taken = true;
  return pdTRUE;
}
BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore) {
  semaphore->taken = false;
  return pdTRUE;
}

struct StreamBufferDef_t {
  std::size_t capacity = 0;
  std::size_t used = 0;
  std::deque<stub::Blob> messages;
};
MessageBufferHandle_t xMessageBufferCreate(size_t bytes) {
  static std::vector<std::unique_ptr<StreamBufferDef_t>> all;
  all.push_back(std::make_unique<StreamBufferDef_t>());
  all.back()->capacity = bytes;
  return all.back().get();
}
size_t xMessageBufferSend(MessageBufferHandle_t buffer, const void* data, size_t length, TickType_t) {
  if (length + sizeof(size_t) > buffer->capacity - buffer->used) return 0;
  const auto* const bytes = static_cast<const uint8_t*>(data);
  buffer->messages.emplace_back(bytes, bytes + length);
  buffer->used += length + sizeof(size_t);
  return length;
}
size_t xMessageBufferReceive(MessageBufferHandle_t buffer, void* out, size_t capacity, TickType_t) {
  if (buffer->messages.empty() || buffer->messages.front().size() > capacity) return 0;
  const stub::Blob message = buffer->messages.front();
  buffer->messages.pop_front();
  buffer->used -= message.size() + sizeof(size_t);
  std::memcpy(out, message.data(), message.size());
  return message.size();
}
size_t xMessageBufferSpacesAvailable(MessageBufferHandle_t buffer) { return buffer->capacity - buffer->used; }

// ---- chip ----

void esp_restart(void) { ++world().restarts; }
uint32_t esp_get_free_heap_size(void) { return 123'456; }
size_t heap_caps_get_largest_free_block(uint32_t) { return 65'432; }
void esp_fill_random(void* buffer, size_t length) {
  static uint32_t state = 0x12345678;
  auto* const bytes = static_cast<uint8_t*>(buffer);
  for (size_t i = 0; i < length; ++i) {
    state = state * 1664525U + 1013904223U;
    bytes[i] = static_cast<uint8_t>(state >> 24);
  }
}
int64_t esp_timer_get_time() { return static_cast<int64_t>(world().nowMs * 1000); }

void sntp_set_time_sync_notification_cb(sntp_sync_time_cb_t callback) { world().sntpCallback = callback; }
void esp_sntp_setoperatingmode(esp_sntp_operatingmode_t) {}
void esp_sntp_setservername(uint8_t index, const char* server) { world().sntpServers[index] = server; }
void esp_sntp_init() {
  world().sntpRunning = true;
  ++world().sntpStarts;
}
void esp_sntp_stop() { world().sntpRunning = false; }

esp_err_t esp_task_wdt_reconfigure(const esp_task_wdt_config_t* config) {
  world().watchdogIdleMask = config->idle_core_mask;
  world().watchdogTimeoutMs = config->trigger_panic ? config->timeout_ms : 0;
  return ESP_OK;
}
esp_err_t esp_task_wdt_init(const esp_task_wdt_config_t*) { return ESP_ERR_INVALID_STATE; }
esp_err_t esp_task_wdt_add(TaskHandle_t) {
  world().watchdogWatching = true;
  return ESP_OK;
}
esp_err_t esp_task_wdt_reset() {
  ++world().watchdogFed;
  return ESP_OK;
}

bool esp_efuse_find_purpose(esp_efuse_purpose_t, esp_efuse_block_t* block) {
  if (world().efuseBurnt) *block = EFUSE_BLK_KEY5;
  return world().efuseBurnt;
}
esp_err_t esp_hmac_calculate(hmac_key_id_t key, const void*, size_t, uint8_t* out) {
  if (!world().hmacWorks) return ESP_FAIL;
  std::memset(out, 0xA0 + static_cast<int>(key), 32);
  return ESP_OK;
}

// ---- NVS ----

namespace {
std::map<nvs_handle_t, std::string>& handles() {
  static std::map<nvs_handle_t, std::string> all;
  return all;
}
}  // namespace

esp_err_t nvs_open_from_partition(const char* partition, const char* name, nvs_open_mode_t, nvs_handle_t* handle) {
  *handle = static_cast<nvs_handle_t>(handles().size() + 1);
  handles()[*handle] = std::string(partition) + "/" + name;
  return ESP_OK;
}
esp_err_t nvs_get_blob(nvs_handle_t handle, const char* key, void* out, size_t* length) {
  if (world().nvsBroken) return ESP_FAIL;
  const auto& entries = world().nvs[handles()[handle]];
  const auto found = entries.find(key);
  if (found == entries.end()) return ESP_ERR_NVS_NOT_FOUND;
  if (out != nullptr && *length < found->second.size()) return ESP_FAIL;
  *length = found->second.size();
  if (out != nullptr) std::memcpy(out, found->second.data(), found->second.size());
  return ESP_OK;
}
bool Preferences::begin(const char* name, bool, const char* partition) {
  place_ = std::string(partition == nullptr ? "nvs" : partition) + "/" + name;
  return true;
}
size_t Preferences::putBytes(const char* key, const void* value, size_t length) {
  const std::size_t keyLength = std::strlen(key);
  if (keyLength > world().longestKey) world().longestKey = keyLength;
  if (world().nvsBroken || keyLength > 15) return 0;
  const auto* const bytes = static_cast<const uint8_t*>(value);
  world().nvs[place_][key] = stub::Blob(bytes, bytes + length);
  return length;
}
bool Preferences::remove(const char* key) { return world().nvs[place_].erase(key) > 0; }
