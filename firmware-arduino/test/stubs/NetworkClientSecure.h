// Mirrors NetworkClientSecure.h of arduino-esp32 3.3.11.
// What its source says and the header does not: a handshake may take 120 s unless told, and ends in -1 when it takes
// longer; the pointers to the PEMs are kept and read in connect(); out of memory is MBEDTLS_ERR_SSL_ALLOC_FAILED (-0x7F00).
#pragma once
#include "NetworkClient.h"
class NetworkClientSecure : public NetworkClient {
 protected:
  bool _use_insecure = false;
  const char* _CA_cert = nullptr;
  const char* _cert = nullptr;
  const char* _private_key = nullptr;

 public:
  NetworkClientSecure();
  NetworkClientSecure(int socket);
  ~NetworkClientSecure();
  int connect(IPAddress, uint16_t) { return 0; }
  int connect(IPAddress, uint16_t, int32_t) { return 0; }
  int connect(const char* host, uint16_t port) { return connect(host, port, 30'000); }
  int connect(const char* host, uint16_t port, int32_t timeout);
  int peek() { return -1; }
  size_t write(uint8_t) { return 0; }
  size_t write(const uint8_t*, size_t) { return 0; }
  int available() { return 0; }
  int read() { return -1; }
  int read(uint8_t* buf, size_t size);
  void flush() {}
  void stop();
  uint8_t connected();
  int lastError(char* buf, const size_t size);
  void setInsecure();
  void setCACert(const char* rootCA);
  void setCertificate(const char* client_ca);
  void setPrivateKey(const char* private_key);
  void setHandshakeTimeout(unsigned long handshake_timeout);   // seconds

  // Of the stub.
  void stubFails(int error) { lastError_ = error; }
  void stubReceives(const stub::Blob& bytes) { waiting_ = bytes; }

 private:
  using Print::write;
  unsigned long handshakeMs_ = 120'000;
  int lastError_ = 0;
  stub::Blob waiting_;
};
