// The door's key, and a spare made ahead of time: making a key takes over 10 s on a board, too long for the answer to
// `rotate_key`, which has to name the new key (protocol 6.3).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "crypto/rsa_key.h"
#include "crypto/sealer.h"
#include "identity/public_key.h"
#include "ports/key_value_store.h"
#include "ports/system.h"

namespace esplock {

class KeyRing {
 public:
  KeyRing(KeyValueStore& store, crypto::Sealer& sealer, System& system, std::size_t bits)
      : store_(store), sealer_(sealer), system_(system), bits_(bits) {}

  /// `not_found` for a new device, `corrupt` when a key is stored but cannot be opened: then no new key is made
  /// behind the owner's back, because doors are known by their key (protocol 1.2).
  Status load();

  /// Something to make: the key itself or the spare.
  bool incomplete() const { return usable_ && (!current_.loaded() || !spare_.loaded()); }
  bool generating() const { return generating_; }

  /// Starts making what is missing, off the main task; then poll until generating() is false.
  Status startGenerating();
  Status pollGenerating();

  const crypto::RsaKey& current() const { return current_; }
  const crypto::RsaKey& spare() const { return spare_; }
  std::string_view kid() const { return current_.loaded() ? std::string_view(currentKid_) : std::string_view(); }
  std::string_view spareKid() const { return spare_.loaded() ? std::string_view(spareKid_) : std::string_view(); }

  /// Rotation survives a power cut at any point: both keys stay until the relay has bound the new one.
  bool rotating() const { return rotating_; }
  Status beginRotation();
  Status finishRotation();
  Status abandonRotation();

  Status erase();

 private:
  static void generateWork(void* self);
  Status readKey(const char* name, crypto::RsaKey& key, char* kid);
  Status writeKey(const char* name, std::size_t derLength);
  Status adopt(crypto::RsaKey& key, char* kid, std::size_t derLength);

  KeyValueStore& store_;
  crypto::Sealer& sealer_;
  System& system_;
  std::size_t bits_;
  crypto::RsaKey current_;
  crypto::RsaKey spare_;
  char currentKid_[kidChars + 1] = {};
  char spareKid_[kidChars + 1] = {};
  bool usable_ = false;
  bool rotating_ = false;
  bool generating_ = false;
  std::atomic<bool> workDone_{false};
  Status workStatus_ = Status::ok;
  std::size_t workLength_ = 0;
  /// A key as it is stored, and at `der_` opened. The ring's own: it is written in the background too.
  std::uint8_t sealed_[crypto::RsaKey::maxPrivateDerBytes + crypto::Sealer::overheadBytes] = {};
  std::uint8_t* const der_ = sealed_ + crypto::Sealer::headBytes;
};

}  // namespace esplock
