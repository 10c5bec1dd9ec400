#include "config/settings_store.h"

namespace esplock {
namespace {

constexpr const char* slotNames[2] = {"set.a", "set.b"};
constexpr char revertedName[] = "set.reverted";
constexpr std::size_t slotHeadBytes = 5;   // generation, little endian, and the probation flag

}  // namespace

SettingsStore::Slot SettingsStore::readSlot(int slot, Settings& out, bool& present) {
  Slot result;
  std::size_t sealedLength = 0;
  std::size_t length = 0;
  const StoreResult read = store_.read(slotNames[slot], sealed_, sizeof sealed_, sealedLength);
  present = read != StoreResult::missing;
  if (read != StoreResult::ok) return result;
  const Status opened = sealer_.open(slotNames[slot], {sealed_, sealedLength}, plain_, sizeof plain_, length);
  if (opened == Status::ok && length >= slotHeadBytes &&
      decodeSettings({plain_ + slotHeadBytes, length - slotHeadBytes}, out) == Status::ok) {
    result.valid = true;
    for (unsigned i = 0; i < 4; ++i) result.generation |= static_cast<std::uint32_t>(plain_[i]) << (8 * i);
    result.probation = plain_[4] != 0;
  }
  crypto::wipe(plain_, sizeof plain_);
  return result;
}

Status SettingsStore::load(Settings& out) {
  current_ = -1;
  generation_ = 0;
  probation_ = false;
  bool anyPresent = false;
  for (int slot = 0; slot < 2; ++slot) {
    bool present = false;
    const Slot found = readSlot(slot, scratch_, present);
    anyPresent = anyPresent || present;
    if (!found.valid || (current_ >= 0 && found.generation < generation_)) continue;
    current_ = slot;
    generation_ = found.generation;
    probation_ = found.probation;
    out = scratch_;
  }
  crypto::wipe(&scratch_, sizeof scratch_);
  if (current_ >= 0) return Status::ok;
  return anyPresent ? Status::corrupt : Status::not_found;
}

Status SettingsStore::save(const Settings& settings, bool probation) {
  const int slot = current_ == 0 ? 1 : 0;
  const std::uint32_t generation = generation_ + 1;
  for (unsigned i = 0; i < 4; ++i) plain_[i] = static_cast<std::uint8_t>(generation >> (8 * i));
  plain_[4] = probation ? 1 : 0;
  std::size_t length = 0;
  std::size_t sealedLength = 0;
  Status status = encodeSettings(settings, plain_ + slotHeadBytes, sizeof plain_ - slotHeadBytes, length);
  if (status == Status::ok) {
    status = sealer_.seal(slotNames[slot], {plain_, length + slotHeadBytes}, sealed_, sizeof sealed_, sealedLength);
  }
  crypto::wipe(plain_, sizeof plain_);
  if (status != Status::ok) return status;
  if (!store_.write(slotNames[slot], sealed_, sealedLength)) return Status::store_failed;
  bool present = false;
  const Slot check = readSlot(slot, scratch_, present);
  crypto::wipe(&scratch_, sizeof scratch_);
  if (!check.valid || check.generation != generation) return Status::store_failed;
  current_ = slot;
  generation_ = generation;
  probation_ = probation;
  return Status::ok;
}

Status SettingsStore::revert(Settings& out) {
  if (!onProbation()) return Status::not_found;
  const std::uint8_t flag = 1;
  if (!store_.write(revertedName, &flag, 1)) return Status::store_failed;
  if (!store_.erase(slotNames[current_])) return Status::store_failed;
  return load(out);
}

bool SettingsStore::revertedUntold() {
  std::uint8_t flag = 0;
  std::size_t length = 0;
  return store_.read(revertedName, &flag, 1, length) == StoreResult::ok;
}

Status SettingsStore::forgetReverted() { return store_.erase(revertedName) ? Status::ok : Status::store_failed; }

Status SettingsStore::erase() {
  current_ = -1;
  generation_ = 0;
  probation_ = false;
  const bool gone = store_.erase(slotNames[0]) && store_.erase(slotNames[1]) && store_.erase(revertedName);
  return gone ? Status::ok : Status::store_failed;
}

}  // namespace esplock
