#pragma once
#include "Arduino.h"
class NetworkClient : public Stream {
 public:
  size_t write(uint8_t) override { return 0; }
  size_t write(const uint8_t*, size_t) override { return 0; }
  int available() override { return 0; }
  int read() override { return -1; }
  int peek() override { return -1; }
};
class NetworkClientSecure : public NetworkClient {
 public:
  void setInsecure() { ++stub::world().setInsecureCalls; }
  void setCACert(const char* pem) {
    ca = pem;
    stub::world().caPointers.push_back(pem);
  }
  void setHandshakeTimeout(unsigned long seconds) { stub::world().handshakeSeconds.push_back(seconds); }
  int lastError(char* text, const size_t size) {
    if (size > 0) text[0] = '\0';
    return error;
  }
  const char* ca = nullptr;
  int error = 0;
};
typedef NetworkClientSecure WiFiClientSecure;
