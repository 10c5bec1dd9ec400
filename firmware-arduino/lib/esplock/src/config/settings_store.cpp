#include "config/settings_store.h"

#include "workspace/workspace.h"

namespace esplock {
namespace {

constexpr const char* slotNames[2] = {"set.a", "set.b"};
constexpr char revertedName[] = "set.reverted";

}  // namespace

static_assert(SettingsStore::maxSlotBytes <= Workspace::roomBytes, "a slot is sealed and opened in the workspace");

/// `plain` lies in the workspace, where it was opened; whoever asked wipes it.
Status SettingsStore::openSlot(int slot, crypto::Bytes& plain, bool& present) {
  std::uint8_t* const sealed = workspace_.room;
  std::size_t sealedLength = 0;
  const StoreResult read = store_.read(slotNames[slot], sealed, maxSlotBytes, sealedLength);
  present = read != StoreResult::missing;
  if (read != StoreResult::ok) return Status::store_failed;
  plain.data = sealed + crypto::Sealer::headBytes;
  const Status opened = sealer_.open(slotNames[slot], {sealed, sealedLength}, sealed + crypto::Sealer::headBytes,
                                     maxSlotBytes - crypto::Sealer::headBytes, plain.length);
  if (opened != Status::ok) return opened;
  return plain.length >= slotHeadBytes ? Status::ok : Status::corrupt;
}

SettingsStore::Slot SettingsStore::readSlot(int slot, Settings& out, bool& present) {
  Slot result;
  crypto::Bytes plain;
  if (openSlot(slot, plain, present) == Status::ok &&
      decodeSettings({plain.data + slotHeadBytes, plain.length - slotHeadBytes}, out) == Status::ok) {
    result.valid = true;
    for (unsigned i = 0; i < 4; ++i) result.generation |= static_cast<std::uint32_t>(plain.data[i]) << (8 * i);
    result.probation = plain.data[4] != 0;
  }
  crypto::wipe(workspace_.room, maxSlotBytes);
  return result;
}

Status SettingsStore::load(Settings& out, Settings& scratch) {
  current_ = -1;
  generation_ = 0;
  probation_ = false;
  bool anyPresent = false;
  for (int slot = 0; slot < 2; ++slot) {
    bool present = false;
    const Slot found = readSlot(slot, scratch, present);
    anyPresent = anyPresent || present;
    if (!found.valid || (current_ >= 0 && found.generation < generation_)) continue;
    current_ = slot;
    generation_ = found.generation;
    probation_ = found.probation;
    out = scratch;
  }
  crypto::wipe(&scratch, sizeof scratch);
  reset(scratch);
  if (current_ >= 0) return Status::ok;
  return anyPresent ? Status::corrupt : Status::not_found;
}

Status SettingsStore::save(const Settings& settings, bool probation) {
  const int slot = current_ == 0 ? 1 : 0;
  const std::uint32_t generation = generation_ + 1;
  std::uint8_t* const sealed = workspace_.room;
  std::uint8_t* const plain = sealed + crypto::Sealer::headBytes;
  for (unsigned i = 0; i < 4; ++i) plain[i] = static_cast<std::uint8_t>(generation >> (8 * i));
  plain[4] = probation ? 1 : 0;
  std::size_t length = 0;
  std::size_t sealedLength = 0;
  std::uint8_t digest[crypto::hashBytes];
  Status status = encodeSettings(settings, plain + slotHeadBytes, maxSettingsBytes, length);
  if (status == Status::ok) status = crypto::sha256(plain, slotHeadBytes + length, digest);
  if (status == Status::ok) {
    status = sealer_.seal(slotNames[slot], {plain, slotHeadBytes + length}, sealed, maxSlotBytes, sealedLength);
  }
  if (status != Status::ok) {
    crypto::wipe(sealed, maxSlotBytes);
    return status;
  }
  if (!store_.write(slotNames[slot], sealed, sealedLength)) return Status::store_failed;
  if (check(slot, digest) != Status::ok) return Status::store_failed;
  current_ = slot;
  generation_ = generation;
  probation_ = probation;
  return Status::ok;
}

/// What the store gives back opens, and is to the byte what was sealed.
Status SettingsStore::check(int slot, const std::uint8_t digest[crypto::hashBytes]) {
  crypto::Bytes plain;
  bool present = false;
  std::uint8_t found[crypto::hashBytes];
  Status status = openSlot(slot, plain, present);
  if (status == Status::ok) status = crypto::sha256(plain.data, plain.length, found);
  crypto::wipe(workspace_.room, maxSlotBytes);
  if (status != Status::ok) return status;
  return crypto::equalConstantTime(found, digest, sizeof found) ? Status::ok : Status::corrupt;
}

Status SettingsStore::revert(Settings& out, Settings& scratch) {
  if (!onProbation()) return Status::not_found;
  const std::uint8_t flag = 1;
  if (!store_.write(revertedName, &flag, 1)) return Status::store_failed;
  if (!store_.erase(slotNames[current_])) return Status::store_failed;
  return load(out, scratch);
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
