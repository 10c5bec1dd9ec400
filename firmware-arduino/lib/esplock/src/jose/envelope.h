// Opens a command envelope (protocol 6.1). Everything that goes wrong before the plaintext is authenticated is one and
// the same answer: the caller learns `crypto_failed` or nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "crypto/rsa_key.h"
#include "json/reader.h"
#include "ports/random.h"

namespace esplock {

enum class Scope : std::uint8_t { operate, configure, query };

struct EnvelopeHeader {
  static constexpr std::size_t kidLength = 43;
  static constexpr std::size_t jtiBytes = 16;

  char kid[kidLength + 1] = {};
  char door[65] = {};
  Scope scope = Scope::query;
  std::int64_t iatMs = 0;
  std::uint8_t jti[jtiBytes] = {};
  char jtiText[23] = {};
};

/// Checks the decoded protected header: exactly the members of protocol 6.1, compact. Pure, so that it can be fuzzed.
Status readEnvelopeHeader(std::string_view text, json::Document& scratch, EnvelopeHeader& out);

class EnvelopeOpener {
 public:
  static constexpr std::size_t maxChars = 4096;
  static constexpr std::size_t maxPlainBytes = 3072;
  static constexpr std::size_t maxHeaderBytes = 384;

  explicit EnvelopeOpener(Random& random) : random_(random) {}

  /// On ok header() and plain() hold what was sent, until the next open or wipe.
  Status open(std::string_view jwe, const crypto::RsaKey& key, std::string_view kid);
  const EnvelopeHeader& header() const { return header_; }
  std::string_view plain() const { return {reinterpret_cast<const char*>(plain_), plainLength_}; }
  void wipe();

 private:
  Status decodeParts(std::string_view jwe, const crypto::RsaKey& key);
  Status decrypt(const crypto::RsaKey& key);

  Random& random_;
  json::Document document_;
  EnvelopeHeader header_;
  std::string_view protected_;
  std::uint8_t wrapped_[crypto::RsaKey::maxModulusBytes] = {};
  std::uint8_t nonce_[crypto::nonceBytes] = {};
  std::uint8_t sealed_[maxPlainBytes + crypto::tagBytes] = {};
  std::uint8_t plain_[maxPlainBytes] = {};
  std::uint8_t headerText_[maxHeaderBytes] = {};
  std::size_t wrappedLength_ = 0;
  std::size_t sealedLength_ = 0;
  std::size_t plainLength_ = 0;
};

}  // namespace esplock
