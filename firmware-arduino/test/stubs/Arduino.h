// Mirrors Arduino.h and what it includes (Print.h, Stream.h, WString.h, HardwareSerial.h) of arduino-esp32 3.3.11.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "esp_arduino_version.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "stub_world.h"

using std::size_t;

// The header's short names, so that a name of ours they would break breaks here too.
#define PI 3.14159265358979
#define EULER 2.71828182845905
#define SERIAL 0x0
#define DISPLAY 0x1
#define LSBFIRST 0
#define MSBFIRST 1
#define RISING 0x01
#define FALLING 0x02
#define CHANGE 0x03
#define DEFAULT 1
#define EXTERNAL 0
#define LOW 0x0
#define HIGH 0x1
#define INPUT 0x01
#define OUTPUT 0x03
#define NOT_A_PIN -1
#define constrain(amt, low, high) ((amt) < (low) ? (low) : ((amt) > (high) ? (high) : (amt)))
#define radians(deg) ((deg) * (PI / 180))
#define degrees(rad) ((rad) * (180 / PI))
#define sq(x) ((x) * (x))
#define lowByte(w) ((uint8_t)((w) & 0xff))
#define highByte(w) ((uint8_t)((w) >> 8))
#define bit(b) (1UL << (b))
#define word(...) makeWord(__VA_ARGS__)
typedef bool boolean;
typedef uint8_t byte;

class String {
 public:
  String(const char* cstr = "") : text_(cstr == nullptr ? "" : cstr) {}
  const char* c_str() const { return text_.c_str(); }
  unsigned int length(void) const { return static_cast<unsigned int>(text_.size()); }
  bool operator==(const String& rhs) const { return text_ == rhs.text_; }
  bool operator==(const char* cstr) const { return text_ == cstr; }

 private:
  std::string text_;
};

class IPAddress {};

class Print {
 public:
  virtual ~Print() {}
  virtual size_t write(uint8_t) = 0;
  size_t write(const char* str) { return write(reinterpret_cast<const uint8_t*>(str), std::strlen(str)); }
  virtual size_t write(const uint8_t* buffer, size_t size) {
    size_t done = 0;
    while (done < size && write(buffer[done]) == 1) ++done;
    return done;
  }
  size_t write(const char* buffer, size_t size) { return write(reinterpret_cast<const uint8_t*>(buffer), size); }
  virtual int availableForWrite() { return 0; }
  virtual void flush() {}
};

class Stream : public Print {
 protected:
  unsigned long _timeout = 1000;

 public:
  virtual int available() = 0;
  virtual int read() = 0;
  virtual int peek() = 0;
  virtual ~Stream() {}
  void setTimeout(unsigned long timeout) { _timeout = timeout; }
};

class HardwareSerial : public Stream {
 public:
  HardwareSerial(uint8_t) {}
  ~HardwareSerial() {}
  void begin(unsigned long, uint32_t = 0, int8_t = -1, int8_t = -1, bool = false, unsigned long = 20000UL,
             uint8_t = 120) {
    stub::world().serialBegun = true;
  }
  size_t setRxBufferSize(size_t new_size) {   // refused while the port runs
    if (stub::world().serialBegun) return 0;
    return stub::world().serialRxBuffer = new_size;
  }
  size_t write(uint8_t byteOut) { return write(&byteOut, 1); }
  size_t write(const uint8_t* buffer, size_t size) {
    stub::world().serialOut.append(reinterpret_cast<const char*>(buffer), size);
    return size;
  }
  size_t write(const char* buffer, size_t size) { return Print::write(buffer, size); }
  int available(void) { return static_cast<int>(stub::world().serialIn.size()); }
  int read(void) {
    std::string& in = stub::world().serialIn;
    if (in.empty()) return -1;
    const int first = static_cast<unsigned char>(in.front());
    in.erase(0, 1);
    return first;
  }
  int peek(void) { return -1; }
  void flush(void) {}
};
extern HardwareSerial Serial;   // UART0 on all three boards: none of them sets ARDUINO_USB_CDC_ON_BOOT

extern "C" unsigned long millis();
void setup(void);
void loop(void);
