#include "file_digest.h"

#include <psa/crypto.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace host {

bool digestOfFile(int file, std::size_t limit, std::uint8_t out[digestBytes], std::size_t& size) {
  size = 0;
  psa_hash_operation_t operation = PSA_HASH_OPERATION_INIT;
  if (psa_crypto_init() != PSA_SUCCESS || psa_hash_setup(&operation, PSA_ALG_SHA_256) != PSA_SUCCESS) return false;
  std::vector<std::uint8_t> buffer(64 * 1024);
  bool good = true;
  while (good) {
    const ssize_t got = ::pread(file, buffer.data(), buffer.size(), static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) break;
    size += got > 0 ? static_cast<std::size_t>(got) : 0;
    good = got > 0 && size <= limit &&
           psa_hash_update(&operation, buffer.data(), static_cast<std::size_t>(got)) == PSA_SUCCESS;
  }
  std::size_t length = 0;
  good = good && psa_hash_finish(&operation, out, digestBytes, &length) == PSA_SUCCESS && length == digestBytes;
  psa_hash_abort(&operation);
  return good;
}

}  // namespace host
