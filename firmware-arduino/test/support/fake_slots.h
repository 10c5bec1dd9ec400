// Two slots of flash and the boot loader between them, as ESP-IDF has them with rollback on. Every change is a step of the
// power supply; a block being written when it fails is half written.
#pragma once

#include <algorithm>

#include "support/fakes.h"
#include "support/releases.h"

namespace fakes {

class FakeSlots final : public UpdateSlot {
 public:
  using Bytes = releases::Bytes;
  enum class Trial { none, fresh, pending };

  Bytes flash[2];
  int running = 0;
  int active = 0;
  Trial trial = Trial::none;
  Power* power = nullptr;

  std::size_t room = 4U << 20;
  bool beginFails = false;
  bool writeFails = false;
  bool readFails = false;
  bool activateFails = false;
  bool confirmFails = false;
  bool rollbackFails = false;
  bool digestKnown = true;
  std::size_t flipAt = SIZE_MAX;   ///< this byte of the other slot reads wrong
  std::size_t longestRead = 0;
  int rollbacks = 0;
  int confirms = 0;

  /// What the boot loader does.
  void boot() {
    if (trial == Trial::pending) {
      trial = Trial::none;
      active = 1 - active;
    } else if (trial == Trial::fresh) {
      trial = Trial::pending;
    }
    running = active;
  }
  const Bytes& image() const { return flash[running]; }

  std::size_t capacity() override { return room; }
  bool begin(std::size_t size, std::size_t resumeOffset) override {
    if (beginFails || other().size() < resumeOffset || !step()) return false;
    size_ = size;
    other().resize(resumeOffset);
    return true;
  }
  bool write(std::size_t offset, const std::uint8_t* data, std::size_t length) override {
    const bool whole = length == blockBytes || offset + length == size_;
    if (writeFails || offset != other().size() || !whole || length > blockBytes) return false;
    const bool powered = step();
    other().insert(other().end(), data, data + (powered ? length : length / 2));
    return powered;
  }
  bool read(std::size_t offset, std::uint8_t* out, std::size_t length) override {
    longestRead = std::max(longestRead, length);
    if (readFails || offset + length > other().size()) return false;
    std::copy_n(other().begin() + static_cast<std::ptrdiff_t>(offset), length, out);
    if (flipAt >= offset && flipAt < offset + length) out[flipAt - offset] ^= 1;
    return true;
  }
  bool activate() override {
    if (activateFails || !step()) return false;
    active = 1 - running;
    trial = Trial::fresh;
    return true;
  }
  bool onTrial() override { return trial == Trial::pending; }
  bool confirm() override {
    ++confirms;
    if (confirmFails || !step()) return false;
    trial = Trial::none;
    return true;
  }
  bool rollback() override {
    ++rollbacks;
    return !rollbackFails && step();   // the next boot finds it pending, and that is enough
  }
  bool runningDigest(std::uint8_t out[32]) override {
    const Bytes digest = releases::digestOf(image());
    std::copy(digest.begin(), digest.end(), out);
    return digestKnown;
  }

 private:
  Bytes& other() { return flash[1 - running]; }
  bool step() { return power == nullptr || power->step(); }
  std::size_t size_ = 0;
};

}  // namespace fakes
