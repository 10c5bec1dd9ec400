// The two slots of an image (protocol 12.5): the one that runs, and the other one, which an update fills and boots.
//
// All calls come from the task that runs Door::poll(). None may block for longer than the flash needs for one 4 KiB block.
#pragma once

#include <cstddef>
#include <cstdint>

namespace esplock {

class UpdateSlot {
 public:
  static constexpr std::size_t blockBytes = 4096;

  virtual ~UpdateSlot() = default;

  /// Bytes an image may have; 0 when there is no second slot.
  virtual std::size_t capacity() = 0;

  /// Prepares the slot that does not run for an image of `size` bytes, keeping what is there up to `resumeOffset` (whole
  /// blocks, or all of `size`).
  virtual bool begin(std::size_t size, std::size_t resumeOffset) = 0;

  /// One whole block, in order from `resumeOffset` on; only the image's last may be shorter. Durable when it returns true:
  /// the core then notes that it need not be sent again. A block written before a power cut may be written again.
  virtual bool write(std::size_t offset, const std::uint8_t* data, std::size_t length) = 0;

  /// Reads back what was written, so that the digest is checked on what the flash really holds (protocol 12.5). To 1 KiB.
  virtual bool read(std::size_t offset, std::uint8_t* out, std::size_t length) = 0;

  /// Makes the slot the one to boot from, on trial: without `confirm` the boot after the next returns to the old image.
  /// Durable when it returns true.
  virtual bool activate() = 0;

  /// True while the running image is on trial.
  virtual bool onTrial() = 0;

  /// Ends the trial for good; durable when it returns true.
  virtual bool confirm() = 0;

  /// Gives the trial up: the next boot runs the old image. The board restarts inside of it; where it returns true, the core
  /// restarts by System::restart() soon after. False: it could not be done, and is asked again later.
  virtual bool rollback() = 0;

  /// SHA-256 of the running image, as of the file a release is signed for; false when it cannot be told. Asked once, in
  /// Door::start().
  virtual bool runningDigest(std::uint8_t out[32]) = 0;
};

}  // namespace esplock
