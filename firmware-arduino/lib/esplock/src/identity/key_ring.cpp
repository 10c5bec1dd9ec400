#include "identity/key_ring.h"

#include <cstring>

namespace esplock {
namespace {

constexpr char currentName[] = "key.cur";
constexpr char spareName[] = "key.next";
constexpr char rotatingName[] = "key.rot";
constexpr std::size_t maxDerRoom = crypto::RsaKey::maxPrivateDerBytes + crypto::tagBytes;

}  // namespace

Status KeyRing::readKey(const char* name, crypto::RsaKey& key, char* kid) {
  std::size_t sealedLength = 0;
  const StoreResult result = store_.read(name, sealed_, sizeof sealed_, sealedLength);
  if (result == StoreResult::missing) return Status::not_found;
  if (result != StoreResult::ok) return Status::store_failed;
  std::size_t derLength = 0;
  Status status = sealer_.open(name, {sealed_, sealedLength}, der_, maxDerRoom, derLength);
  if (status == Status::ok) status = adopt(key, kid, derLength);
  crypto::wipe(sealed_, sizeof sealed_);
  return status == Status::ok ? Status::ok : Status::corrupt;
}

Status KeyRing::adopt(crypto::RsaKey& key, char* kid, std::size_t derLength) {
  Status status = key.load({der_, derLength});
  if (status != Status::ok) return status;
  std::uint8_t publicDer[crypto::RsaKey::maxPublicDerBytes];
  std::size_t publicLength = 0;
  status = key.publicDer(publicDer, sizeof publicDer, publicLength);
  return status == Status::ok ? thumbprint({publicDer, publicLength}, kid) : status;
}

/// Sealed where it lies, and opened again, to be adopted.
Status KeyRing::writeKey(const char* name, std::size_t derLength) {
  std::size_t sealedLength = 0;
  const Status status = sealer_.seal(name, {der_, derLength}, sealed_, sizeof sealed_, sealedLength);
  if (status != Status::ok) return status;
  if (!store_.write(name, sealed_, sealedLength)) return Status::store_failed;
  return sealer_.open(name, {sealed_, sealedLength}, der_, maxDerRoom, derLength);
}

Status KeyRing::load() {
  current_.clear();
  spare_.clear();
  usable_ = false;
  const Status status = readKey(currentName, current_, currentKid_);
  if (status != Status::ok && status != Status::not_found) return status;
  usable_ = true;
  if (status == Status::not_found) return status;
  // A damaged spare costs nothing but the making of another.
  if (readKey(spareName, spare_, spareKid_) != Status::ok) spare_.clear();
  std::uint8_t flag = 0;
  std::size_t length = 0;
  rotating_ = store_.read(rotatingName, &flag, 1, length) == StoreResult::ok && spare_.loaded();
  if (spare_.loaded() && std::strcmp(currentKid_, spareKid_) == 0) {
    // Power failed in finishRotation after the new key had become the current one.
    spare_.clear();
    rotating_ = false;
    if (!store_.erase(rotatingName) || !store_.erase(spareName)) return Status::store_failed;
  }
  return Status::ok;
}

void KeyRing::generateWork(void* self) {
  auto* ring = static_cast<KeyRing*>(self);
  ring->workStatus_ = crypto::RsaKey::generate(ring->bits_, ring->der_, crypto::RsaKey::maxPrivateDerBytes, ring->workLength_);
  ring->workDone_.store(true, std::memory_order_release);
}

Status KeyRing::startGenerating() {
  if (generating_) return Status::busy;
  workDone_.store(false, std::memory_order_relaxed);
  generating_ = true;
  if (!system_.runInBackground(&KeyRing::generateWork, this)) {
    generating_ = false;
    return Status::busy;
  }
  return Status::ok;
}

Status KeyRing::pollGenerating() {
  if (!generating_) return Status::ok;
  if (!workDone_.load(std::memory_order_acquire)) return Status::busy;
  generating_ = false;
  Status status = workStatus_;
  const bool first = !current_.loaded();
  if (status == Status::ok) status = writeKey(first ? currentName : spareName, workLength_);
  if (status == Status::ok) {
    status = first ? adopt(current_, currentKid_, workLength_) : adopt(spare_, spareKid_, workLength_);
  }
  crypto::wipe(sealed_, sizeof sealed_);
  return status;
}

Status KeyRing::beginRotation() {
  if (!spare_.loaded() || generating_) return Status::busy;
  const std::uint8_t flag = 1;
  if (!store_.write(rotatingName, &flag, 1)) return Status::store_failed;
  rotating_ = true;
  return Status::ok;
}

Status KeyRing::finishRotation() {
  if (!rotating_) return Status::not_found;
  std::size_t sealedLength = 0;
  std::size_t derLength = 0;
  if (store_.read(spareName, sealed_, sizeof sealed_, sealedLength) != StoreResult::ok) return Status::store_failed;
  Status status = sealer_.open(spareName, {sealed_, sealedLength}, der_, maxDerRoom, derLength);
  if (status == Status::ok) status = writeKey(currentName, derLength);
  if (status == Status::ok) status = adopt(current_, currentKid_, derLength);
  crypto::wipe(sealed_, sizeof sealed_);
  if (status != Status::ok) return status;
  spare_.clear();
  rotating_ = false;
  return store_.erase(rotatingName) && store_.erase(spareName) ? Status::ok : Status::store_failed;
}

Status KeyRing::abandonRotation() {
  rotating_ = false;
  return store_.erase(rotatingName) ? Status::ok : Status::store_failed;
}

Status KeyRing::erase() {
  if (generating_) return Status::busy;
  current_.clear();
  spare_.clear();
  rotating_ = false;
  const bool gone = store_.erase(rotatingName) && store_.erase(spareName) && store_.erase(currentName);
  return gone ? Status::ok : Status::store_failed;
}

}  // namespace esplock
