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
#include "workspace/workspace.h"

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

  EnvelopeOpener(Random& random, Workspace& workspace) : random_(random), workspace_(workspace) {}

  /// On ok header() holds what was sent until the next open, and plain() too, as long as nobody else uses the workspace's text.
  Status open(std::string_view jwe, const crypto::RsaKey& key, std::string_view kid);
  const EnvelopeHeader& header() const { return header_; }
  std::string_view plain() const { return {workspace_.text, plainLength_}; }
  void wipe();

 private:
  Status decodeParts(std::string_view jwe, const crypto::RsaKey& key);
  Status decrypt(const crypto::RsaKey& key);

  static constexpr std::size_t maxSealedBytes = maxPlainBytes + crypto::tagBytes;
  static_assert(maxSealedBytes <= Workspace::textBytes, "an envelope is opened where it lies, in the workspace's text");
  static_assert(crypto::RsaKey::maxModulusBytes + maxHeaderBytes <= Workspace::roomBytes);

  std::uint8_t* sealed() const { return reinterpret_cast<std::uint8_t*>(workspace_.text); }
  std::uint8_t* wrapped() const { return workspace_.room; }

  Random& random_;
  Workspace& workspace_;
  EnvelopeHeader header_;
  std::string_view protected_;
  std::uint8_t nonce_[crypto::nonceBytes] = {};
  std::size_t wrappedLength_ = 0;
  std::size_t sealedLength_ = 0;
  std::size_t plainLength_ = 0;
};

}  // namespace esplock
