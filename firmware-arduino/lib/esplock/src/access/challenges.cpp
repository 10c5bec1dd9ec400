#include "access/challenges.h"

#include "crypto/crypto.h"

namespace esplock {

const std::uint8_t* Challenges::make(std::uint64_t nowMs) {
  Entry* place = nullptr;
  for (Entry& entry : entries_) {
    if (!live(entry, nowMs)) {
      place = &entry;
      break;
    }
    if (place == nullptr || entry.number < place->number) place = &entry;
  }
  place->open = false;
  if (!random_.fill(place->challenge, bytes)) return nullptr;
  place->madeMs = nowMs;
  place->number = made_++;
  place->open = true;
  return place->challenge;
}

void Challenges::burn(const std::uint8_t challenge[bytes], std::uint64_t nowMs) {
  const std::size_t at = find(challenge, nowMs);
  if (at < capacity) entries_[at].open = false;
}

std::size_t Challenges::find(const std::uint8_t challenge[bytes], std::uint64_t nowMs) const {
  std::size_t found = capacity;
  for (std::size_t i = 0; i < capacity; ++i) {
    const bool same = crypto::equalConstantTime(entries_[i].challenge, challenge, bytes);
    if (same && live(entries_[i], nowMs)) found = i;
  }
  return found;
}

}  // namespace esplock
