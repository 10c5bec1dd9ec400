#include "update/slot_writer.h"

namespace esplock {

bool SlotWriter::begin(UpdateSlot& slot, std::size_t size, std::size_t offset) {
  slot_ = &slot;
  return slot.begin(size, offset) && hash_.begin() == Status::ok;
}

bool SlotWriter::startReading(std::size_t length) {
  readAt_ = 0;
  readEnd_ = length;
  return hash_.begin() == Status::ok;
}

SlotWriter::Reading SlotWriter::read() {
  for (std::size_t done = 0; done < sliceBytes && readAt_ < readEnd_;) {
    const std::size_t left = readEnd_ - readAt_;
    const std::size_t length = left < readBytes ? left : readBytes;
    std::uint8_t* const slice = workspace_.room;
    if (!slot_->read(readAt_, slice, length) || hash_.add(slice, length) != Status::ok) return Reading::failed;
    readAt_ += length;
    done += length;
  }
  return readAt_ < readEnd_ ? Reading::more : Reading::done;
}

bool SlotWriter::write(std::size_t offset, const std::uint8_t* data, std::size_t length) {
  return slot_->write(offset, data, length) && hash_.add(data, length) == Status::ok;
}

bool SlotWriter::matches(const std::uint8_t sha256[crypto::hashBytes]) {
  std::uint8_t digest[crypto::hashBytes];
  return hash_.finish(digest) == Status::ok && crypto::equalConstantTime(digest, sha256, sizeof digest);
}

void SlotWriter::drop() { hash_.drop(); }

}  // namespace esplock
