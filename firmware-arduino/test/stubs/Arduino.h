#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "stub_world.h"

using std::size_t;

class String {
 public:
  String(const char* text = "") : text_(text == nullptr ? "" : text) {}
  const char* c_str() const { return text_.c_str(); }
  unsigned int length() const { return static_cast<unsigned int>(text_.size()); }
  bool operator==(const char* other) const { return text_ == other; }

 private:
  std::string text_;
};

class IPAddress {};

class Print {
 public:
  virtual ~Print() = default;
  virtual size_t write(uint8_t) = 0;
  virtual size_t write(const uint8_t* buffer, size_t size) = 0;
  virtual void flush() {}
};

class Stream : public Print {
 public:
  virtual int available() = 0;
  virtual int read() = 0;
  virtual int peek() = 0;
};

class HardwareSerial : public Stream {
 public:
  void begin(unsigned long) {}
  size_t setRxBufferSize(size_t size) { return size; }
  size_t write(uint8_t byte) override { return write(&byte, 1); }
  size_t write(const uint8_t* buffer, size_t size) override {
    stub::world().serialOut.append(reinterpret_cast<const char*>(buffer), size);
    return size;
  }
  int available() override { return static_cast<int>(stub::world().serialIn.size()); }
  int read() override {
    std::string& in = stub::world().serialIn;
    if (in.empty()) return -1;
    const int byte = static_cast<unsigned char>(in.front());
    in.erase(0, 1);
    return byte;
  }
  int peek() override { return -1; }
};
extern HardwareSerial Serial;

unsigned long millis();
void setup();
void loop();
