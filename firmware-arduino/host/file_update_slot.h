// The update slot port on two image files beside the door's state.
#pragma once

#include "file_store.h"
#include "ports/update_slot.h"
#include "slot_state.h"

namespace host {

class FileUpdateSlot final : public esplock::UpdateSlot {
 public:
  /// `slots` is the slots directory; `running` is where this process was started from, and is never written to.
  FileUpdateSlot(FileStore& slots, SlotId running, std::size_t capacity);
  ~FileUpdateSlot() override;

  std::size_t capacity() override { return capacity_; }
  bool begin(std::size_t size, std::size_t resumeOffset) override;

  /// On the disk by the time it returns true: the core notes the offset after it.
  bool write(std::size_t offset, const std::uint8_t* data, std::size_t length) override;
  bool read(std::size_t offset, std::uint8_t* out, std::size_t length) override;
  bool activate() override;
  bool onTrial() override { return onTrial_; }
  bool confirm() override;
  bool rollback() override;   ///< returns; the restart that follows is the core's
  bool runningDigest(std::uint8_t out[32]) override;

 private:
  FileStore& slots_;
  SlotId running_;
  SlotId target_;
  std::size_t capacity_;
  int file_ = -1;
  std::size_t size_ = 0;
  bool onTrial_ = false;
};

}  // namespace host
