#pragma once

#include <esp_partition.h>

#include "ports/update_slot.h"

namespace board {

/// The two app partitions of partitions.csv, by ESP-IDF's own functions. Not by Arduino's `Update`: that cannot resume, and
/// its check of signatures let unsigned images through. Who may write here was settled by the core, which checks the
/// manifest before and both digests after; the boot loader does the trial (rollback_hook.cpp).
class EspUpdateSlot final : public esplock::UpdateSlot {
 public:
  std::size_t capacity() override;
  bool begin(std::size_t size, std::size_t resumeOffset) override;

  /// Erases the block's own sector first, so that nothing but a block is lost by a power cut, and no erasing of the whole
  /// slot stands before the first byte. Some 50 to 100 ms of a board, half a second at the worst.
  bool write(std::size_t offset, const std::uint8_t* data, std::size_t length) override;
  bool read(std::size_t offset, std::uint8_t* out, std::size_t length) override;

  /// ESP-IDF looks at the whole image once more for it (form and its own digest): a second or two, with the door locked.
  bool activate() override;
  bool onTrial() override;
  bool confirm() override;
  bool rollback() override;

  /// Reads the running image, as long as it says it is: the very bytes of the .bin. A second or two.
  bool runningDigest(std::uint8_t out[32]) override;

 private:
  const esp_partition_t* other();

  const esp_partition_t* other_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace board
