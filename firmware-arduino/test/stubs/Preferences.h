#pragma once
#include <string>
#include "Arduino.h"
class Preferences {
 public:
  bool begin(const char* name, bool readOnly = false, const char* partition = nullptr);
  size_t putBytes(const char* key, const void* value, size_t length);
  bool remove(const char* key);

 private:
  std::string place_;
};
