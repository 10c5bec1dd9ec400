#include "file_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace host {
namespace {

bool writeAll(int file, const std::uint8_t* data, std::size_t length) {
  while (length > 0) {
    const ssize_t written = ::write(file, data, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    length -= static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

FileStore::~FileStore() {
  if (lock_ >= 0) ::close(lock_);
  if (directory_ >= 0) ::close(directory_);
}

bool FileStore::make(const std::string& directory) {
  for (std::size_t slash = directory.find('/', 1); slash != std::string::npos; slash = directory.find('/', slash + 1)) {
    ::mkdir(directory.substr(0, slash).c_str(), 0755);
  }
  return ::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST;
}

FileStore::OpenResult FileStore::openUnlocked(const std::string& directory) {
  if (!make(directory)) return OpenResult::failed;
  directory_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return directory_ < 0 ? OpenResult::failed : OpenResult::ok;
}

FileStore::OpenResult FileStore::open(const std::string& directory, unsigned patienceMs) {
  if (openUnlocked(directory) != OpenResult::ok) return OpenResult::failed;
  lock_ = ::openat(directory_, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) return OpenResult::failed;
  constexpr unsigned stepMs = 10;
  for (unsigned waitedMs = 0;; waitedMs += stepMs) {
    if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return OpenResult::ok;
    if (waitedMs >= patienceMs) return OpenResult::in_use;
    ::usleep(stepMs * 1000);
  }
}

esplock::StoreResult FileStore::read(const char* key, std::uint8_t* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  const int file = ::openat(directory_, key, O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno == ENOENT ? esplock::StoreResult::missing : esplock::StoreResult::failed;
  struct stat info {};
  bool good = ::fstat(file, &info) == 0 && static_cast<std::size_t>(info.st_size) <= capacity;
  const auto size = static_cast<std::size_t>(info.st_size);
  while (good && length < size) {
    const ssize_t got = ::read(file, out + length, size - length);
    if (got < 0 && errno == EINTR) continue;
    good = got > 0;
    if (good) length += static_cast<std::size_t>(got);
  }
  ::close(file);
  return good ? esplock::StoreResult::ok : esplock::StoreResult::failed;
}

bool FileStore::syncDirectory() const { return ::fsync(directory_) == 0; }

bool FileStore::write(const char* key, const std::uint8_t* value, std::size_t length) {
  const std::string temporary = std::string(key) + ".tmp";
  const int file = ::openat(directory_, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  bool good = writeAll(file, value, length) && ::fsync(file) == 0;
  good = ::close(file) == 0 && good;
  return good && ::renameat(directory_, temporary.c_str(), directory_, key) == 0 && syncDirectory();
}

bool FileStore::erase(const char* key) {
  if (::unlinkat(directory_, key, 0) != 0) return errno == ENOENT;
  return syncDirectory();
}

}  // namespace host
