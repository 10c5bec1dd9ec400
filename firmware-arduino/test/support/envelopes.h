// The sender's side of protocol 6.1, 6.2 and 6.4, on PSA: envelopes in every wrong shape a test asks for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crypto/crypto.h"
#include "crypto/rsa_key.h"

namespace envelopes {

using Bytes = std::vector<std::uint8_t>;

std::string encode(const Bytes& bytes);
std::string encode(const std::string& text);
Bytes decode(const std::string& text);

/// A key made once a run: making one takes its time.
const Bytes& doorKeyDer();
const Bytes& spareKeyDer();
Bytes publicDerOf(const Bytes& privateDer);
std::string kidOf(const Bytes& privateDer);

struct Spec {
  std::string header;       ///< JSON; empty: made from the fields below
  std::string door = "front-door";
  std::string scope = "operate";
  std::string kid;          ///< empty: the door key's
  std::int64_t iatMs = 0;
  Bytes jti;                ///< empty: a new one
  std::string plain;        ///< JSON; empty: made from the fields below
  std::string act = "unlock";
  std::string password = "correct horse";
  std::string params;       ///< JSON or empty
  std::string challenge;    ///< of the door, or empty
  Bytes contentKey = Bytes(32, 7);   ///< other lengths make a broken envelope
  Bytes replyKey = Bytes(32, 9);
};

struct Made {
  std::string jwe;
  std::string jti;
  Bytes replyKey;
};

Made make(const Spec& spec);

/// Plaintext of a receipt, or empty when it does not open.
std::string openReceipt(const std::string& receipt, const Bytes& replyKey);

}  // namespace envelopes
