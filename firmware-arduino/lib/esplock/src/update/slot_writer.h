// The image on its way into the slot: written in whole blocks, hashed as it comes, and hashed again as the slot gives it
// back. Reading goes in slices, so that the lock is served in between.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/stream_hash.h"
#include "ports/update_slot.h"
#include "workspace/workspace.h"

namespace esplock {

class SlotWriter {
 public:
  static constexpr std::size_t readBytes = 1024;
  static_assert(readBytes <= Workspace::roomBytes);
  static constexpr std::size_t sliceBytes = 16 * 1024;   ///< a turn: some milliseconds on a board

  enum class Reading : std::uint8_t { more, done, failed };

  explicit SlotWriter(Workspace& workspace) : workspace_(workspace) {}

  /// Ready to write from `offset` on; what is before it must be read (`startReading(offset)`) to be in the hash.
  bool begin(UpdateSlot& slot, std::size_t size, std::size_t offset);

  /// Starts the hash anew over the first `length` bytes of the slot; `read` does the work, a slice a call.
  bool startReading(std::size_t length);
  Reading read();

  /// A block at `offset`, durable in the slot and in the hash when it returns true.
  bool write(std::size_t offset, const std::uint8_t* data, std::size_t length);

  /// Ends the hash and compares.
  bool matches(const std::uint8_t sha256[crypto::hashBytes]);
  void drop();

 private:
  Workspace& workspace_;
  UpdateSlot* slot_ = nullptr;
  crypto::StreamHash hash_;
  std::size_t readAt_ = 0;
  std::size_t readEnd_ = 0;
};

}  // namespace esplock
