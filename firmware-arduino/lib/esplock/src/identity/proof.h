// The body of `POST /v1/devices/register` and the signatures in it (protocol 4.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "identity/key_ring.h"
#include "workspace/workspace.h"

namespace esplock {

struct RegistrationInput {
  std::string_view doorId;
  std::string_view nonce;
  std::string_view audience;          ///< the origin the door called
  std::string_view enrolmentToken;    ///< empty: left out
  const char* version = "";
  const char* board = "";
  std::uint32_t securityVersion = 0;
  const std::uint8_t* imageDigest = nullptr;   ///< SHA-256 of the running image, null: left out
};

class RegistrationWriter {
 public:
  explicit RegistrationWriter(Workspace& workspace) : workspace_(workspace) {}

  /// With a rotation under way the new key registers, vouched for by the old one.
  Status write(const KeyRing& keys, const RegistrationInput& input, char* out, std::size_t capacity,
               std::size_t& length);

 private:
  Status writeProof(const crypto::RsaKey& key, std::string_view kid, const RegistrationInput& input);
  Status writeRotation(const KeyRing& keys, const RegistrationInput& input);

  static constexpr std::size_t maxProofChars = 1800;
  static constexpr std::size_t maxRotationChars = 1300;
  static constexpr std::size_t maxPayloadBytes = 800;
  static_assert(maxPublicPemChars + maxProofChars + maxRotationChars + maxPayloadBytes <= Workspace::roomBytes,
                "what goes into the body is made in the workspace's room");

  char* pem() const { return reinterpret_cast<char*>(workspace_.room); }
  char* proof() const { return pem() + maxPublicPemChars; }
  char* rotation() const { return proof() + maxProofChars; }
  char* payload() const { return rotation() + maxRotationChars; }

  Workspace& workspace_;
  std::size_t proofLength_ = 0;
  std::size_t rotationLength_ = 0;
};

}  // namespace esplock
