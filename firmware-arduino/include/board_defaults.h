// What is the same on every board. Nothing secret belongs here: WiFi, server, certificate, tokens and passwords come in
// over the serial console and lie sealed in flash.
#pragma once

#include <cstddef>
#include <cstdint>

namespace board {

constexpr const char* firmwareVersion = "0.1.0";
constexpr std::uint32_t securityVersion = 1;

// Public keys (PEM) that releases may be signed by, up to four; `openlock firmware keygen` makes the pair. In force while
// the owner has set none (`set releaseKeys`). With none at all the door takes no update.
constexpr const char* releaseKeys[4] = {nullptr, nullptr, nullptr, nullptr};

constexpr std::uint32_t serialBaud = 115200;
constexpr const char* sntpServers[3] = {"pool.ntp.org", "time.cloudflare.com", "time.nist.gov"};
constexpr std::uint16_t lightPixels = 1;

// Partitions of partitions.csv. Not the default `nvs`: initArduino() erases that one when it looks damaged, before
// setup() runs, and a door that loses its key is a stranger to everybody who knew it (protocol 1.2).
constexpr const char* doorPartition = "door";
constexpr const char* sealPartition = "seal";
constexpr const char* storeNamespace = "esplock";

// Stack sizes in bytes (ESP-IDF counts bytes, not words). Opening an envelope needs under 8 KiB by measurement on the
// host; twice that is kept, because overflowing a stack here would be anybody's to try.
constexpr std::uint32_t doorStackBytes = 16 * 1024;
constexpr std::uint32_t networkStackBytes = 10 * 1024;
constexpr std::uint32_t workStackBytes = 16 * 1024;

// The lock's own task stands above the network's: a handshake may not hold up a relock.
constexpr unsigned doorPriority = 3;
constexpr unsigned networkPriority = 2;

constexpr std::uint32_t pollEveryMs = 10;
constexpr std::uint32_t watchdogMs = 10'000;
constexpr std::uint32_t buttonHoldMs = 10'000;

// Commands in front of decryption: the classic ESP32 takes 0.7 s for one (RSA-2048).
constexpr std::uint32_t commandsPerSecond = 2;
constexpr std::uint32_t commandBurst = 5;

/// How long the bolt waits for an open leaf before it is thrown all the same: an open contact may be a cut wire.
constexpr std::uint32_t boltWaitMs = 60'000;

/// A network task silent for so long hangs in the TLS library; longer than the longest handshake it may wait for.
constexpr std::uint32_t networkHungMs = 300'000;

}  // namespace board
