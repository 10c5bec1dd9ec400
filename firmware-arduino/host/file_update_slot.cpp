#include "file_update_slot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace host {
namespace {

constexpr std::size_t anySize = 64u << 20;   ///< of the program itself, which came from a compiler and not by update

}  // namespace

FileUpdateSlot::FileUpdateSlot(FileStore& slots, SlotId running, std::size_t capacity)
    : slots_(slots),
      running_(running),
      target_(running == SlotId::a ? SlotId::b : SlotId::a),
      capacity_(capacity) {
  onTrial_ = loadSlotState(slots_).isPending(running_);
}

FileUpdateSlot::~FileUpdateSlot() {
  if (file_ >= 0) ::close(file_);
}

bool FileUpdateSlot::begin(std::size_t size, std::size_t resumeOffset) {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  if (size == 0 || size > capacity_ || resumeOffset > size) return false;
  const int file = ::openat(slots_.directory(), nameOf(target_), O_RDWR | O_CREAT | O_CLOEXEC, 0700);
  if (file < 0) return false;
  struct stat info {};
  // What is not there any more cannot be resumed.
  bool good = ::fstat(file, &info) == 0 && static_cast<std::size_t>(info.st_size) >= resumeOffset &&
              ::ftruncate(file, static_cast<off_t>(resumeOffset)) == 0 && ::fchmod(file, 0700) == 0;
  // A disk that is too full says so now; a file system that cannot reserve says it at the write.
  if (good && ::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) != 0) good = errno != ENOSPC;
  good = good && ::fsync(file) == 0 && ::fsync(slots_.directory()) == 0;
  if (!good) {
    ::close(file);
    return false;
  }
  file_ = file;
  size_ = size;
  return true;
}

bool FileUpdateSlot::write(std::size_t offset, const std::uint8_t* data, std::size_t length) {
  if (file_ < 0 || offset > size_ || length > size_ - offset) return false;
  while (length > 0) {
    const ssize_t written = ::pwrite(file_, data, length, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    offset += static_cast<std::size_t>(written);
    length -= static_cast<std::size_t>(written);
  }
  return ::fdatasync(file_) == 0;
}

bool FileUpdateSlot::read(std::size_t offset, std::uint8_t* out, std::size_t length) {
  if (file_ < 0 || offset > size_ || length > size_ - offset) return false;
  while (length > 0) {
    const ssize_t got = ::pread(file_, out, length, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out += got;
    offset += static_cast<std::size_t>(got);
    length -= static_cast<std::size_t>(got);
  }
  return true;
}

bool FileUpdateSlot::activate() {
  if (file_ < 0) return false;
  SlotState state = loadSlotState(slots_);
  SlotContent& content = state.content(target_);
  if (::fsync(file_) != 0 || !digestOfFile(file_, capacity_, content.digest, content.size)) return false;
  if (content.size != size_) return false;
  // The supervisor cannot start a file that is still open for writing.
  ::close(file_);
  file_ = -1;
  state.previous = running_;
  state.active = target_;
  state.trial = Trial::fresh;
  return saveSlotState(slots_, state);
}

bool FileUpdateSlot::confirm() {
  SlotState state = loadSlotState(slots_);
  if (!state.isPending(running_)) return state.trial == Trial::valid;
  state.trial = Trial::valid;
  if (!saveSlotState(slots_, state)) return false;
  onTrial_ = false;
  return true;
}

bool FileUpdateSlot::rollback() {
  SlotState state = loadSlotState(slots_);
  if (state.trial == Trial::aborted) return true;
  if (!state.isPending(running_)) return false;
  state.abort();
  return saveSlotState(slots_, state);
}

bool FileUpdateSlot::runningDigest(std::uint8_t out[32]) {
  // Not by its name: the program may have been built anew since it was started.
  const int self = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (self < 0) return false;
  std::size_t size = 0;
  const bool known = digestOfFile(self, anySize, out, size);
  ::close(self);
  return known;
}

}  // namespace host
