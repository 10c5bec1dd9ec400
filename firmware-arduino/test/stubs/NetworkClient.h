// Mirrors NetworkClient.h (and Client.h) of arduino-esp32 3.3.11.
#pragma once
#include "Arduino.h"
class Client : public Stream {
 public:
  virtual int connect(IPAddress ip, uint16_t port) = 0;
  virtual int connect(const char* host, uint16_t port) = 0;
  virtual size_t write(uint8_t) = 0;
  virtual size_t write(const uint8_t* buf, size_t size) = 0;
  virtual int available() = 0;
  virtual int read() = 0;
  virtual int read(uint8_t* buf, size_t size) = 0;
  virtual int peek() = 0;
  virtual void flush() = 0;
  virtual void stop() = 0;
  virtual uint8_t connected() = 0;
  virtual operator bool() = 0;
};
class ESPLwIPClient : public Client {
 public:
  virtual int connect(IPAddress ip, uint16_t port, int32_t timeout) = 0;
  virtual int connect(const char* host, uint16_t port, int32_t timeout) = 0;
  virtual void setConnectionTimeout(uint32_t milliseconds) = 0;
};
class NetworkClient : public ESPLwIPClient {
 protected:
  bool _connected = false;
  int _timeout = 3000;   // hides the one of Stream

 public:
  int connect(IPAddress, uint16_t) { return 0; }
  int connect(IPAddress, uint16_t, int32_t) { return 0; }
  int connect(const char*, uint16_t) { return 0; }
  int connect(const char*, uint16_t, int32_t) { return 0; }
  size_t write(uint8_t) { return 0; }
  size_t write(const uint8_t*, size_t) { return 0; }
  [[deprecated("Use clear() instead.")]] void flush() {}
  int available() { return 0; }
  int read() { return -1; }
  int read(uint8_t*, size_t) { return -1; }
  int peek() { return -1; }
  void stop() { _connected = false; }
  uint8_t connected() { return _connected; }
  operator bool() { return connected(); }
  void setConnectionTimeout(uint32_t milliseconds) { _timeout = static_cast<int>(milliseconds); }
  int setNoDelay(bool) { return 0; }
};
