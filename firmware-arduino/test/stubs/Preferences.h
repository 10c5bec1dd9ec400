// Mirrors Preferences.h of arduino-esp32 3.3.11.
#pragma once
#include <string>
#include "Arduino.h"
class Preferences {
 public:
  Preferences() {}
  ~Preferences() {}
  bool begin(const char* name, bool readOnly = false, const char* partition_label = NULL);
  void end() {}
  bool remove(const char* key);
  size_t putBytes(const char* key, const void* value, size_t len);

 private:
  std::string place_;
};
