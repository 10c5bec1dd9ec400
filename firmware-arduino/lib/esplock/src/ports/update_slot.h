// The inactive firmware slot. Only an interface for now: updates over the air are contract 12, a later issue.
#pragma once

#include <cstddef>
#include <cstdint>

namespace esplock {

class UpdateSlot {
 public:
  virtual ~UpdateSlot() = default;

  /// Bytes an image may have; 0 when there is no second slot.
  virtual std::size_t capacity() = 0;

  /// Prepares for an image of `size` bytes, keeping what is there up to `resumeOffset` (whole 4 KiB blocks).
  virtual bool begin(std::size_t size, std::size_t resumeOffset) = 0;
  virtual bool write(std::size_t offset, const std::uint8_t* data, std::size_t length) = 0;

  /// Reads back what was written, so that the digest is checked on what the flash really holds (contract 12.5).
  virtual bool read(std::size_t offset, std::uint8_t* out, std::size_t length) = 0;

  /// Makes the slot the one to boot from, on trial: without `confirm` the next boot returns to the old image.
  virtual bool activate() = 0;

  /// True while the running image is on trial.
  virtual bool onTrial() = 0;
  virtual bool confirm() = 0;

  /// Gives the trial up and restarts into the old image; returns only on failure.
  virtual bool rollback() = 0;

  /// SHA-256 of the running image; false when it cannot be told.
  virtual bool runningDigest(std::uint8_t out[32]) = 0;
};

}  // namespace esplock
