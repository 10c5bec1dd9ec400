// The signer's side of protocol 12.1, on PSA: images, keys, manifests in every wrong shape a test asks for.
#pragma once

#include <cstdint>
#include <string>

#include "support/envelopes.h"

namespace releases {

using envelopes::Bytes;

/// A P-256 key pair, made once a run by its name.
struct Key {
  std::uint32_t psaId = 0;
  std::string pem;
  std::string kid;
};
const Key& key(const std::string& name);

/// Bytes that look random and are the same every time; two seeds are two images.
Bytes image(std::size_t size, std::uint32_t seed = 1);
Bytes digestOf(const Bytes& image);
std::string hexOf(const Bytes& bytes);

struct Spec {
  std::string signer = "release";
  std::string header;    ///< JSON; empty: as it should be
  std::string payload;   ///< JSON; empty: made from the fields below
  std::string product = "esplock";
  std::string board = "test";
  std::string version = "1.3.0";
  std::int64_t securityVersion = 4;
  std::int64_t size = 0;
  std::string sha256;
  std::int64_t createdAt = 1'790'000'000'000;
  std::int64_t expiresAt = 1'900'000'000'000;
};

/// A spec that fits this image.
Spec specOf(const Bytes& image);
std::string payloadOf(const Spec& spec);
std::string sign(const Spec& spec);

}  // namespace releases
