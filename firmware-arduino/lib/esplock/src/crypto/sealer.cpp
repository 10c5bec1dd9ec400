#include "crypto/sealer.h"

#include <cstring>

namespace esplock::crypto {
namespace {

constexpr std::uint8_t magic[4] = {'O', 'L', 'S', 1};   // the last byte is the version of the sealing format

Bytes aadOf(std::string_view name) { return {reinterpret_cast<const std::uint8_t*>(name.data()), name.size()}; }

}  // namespace

Status Sealer::seal(std::string_view name, Bytes plain, std::uint8_t* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  if (plain.length + overheadBytes > capacity) return Status::too_big;
  Secret<aesKeyBytes> key;
  if (!system_.sealingKey(key.bytes)) return Status::crypto_failed;
  std::memcpy(out, magic, sizeof magic);
  std::uint8_t* const nonce = out + sizeof magic;
  if (!random_.fill(nonce, nonceBytes)) return Status::crypto_failed;
  const Status status =
      gcmEncrypt(key.bytes, nonce, aadOf(name), plain, out + headBytes, capacity - headBytes, length);
  length += status == Status::ok ? headBytes : 0;
  return status;
}

Status Sealer::open(std::string_view name, Bytes sealed, std::uint8_t* out, std::size_t capacity,
                    std::size_t& length) {
  length = 0;
  if (sealed.length < overheadBytes || std::memcmp(sealed.data, magic, sizeof magic) != 0) return Status::corrupt;
  Secret<aesKeyBytes> key;
  if (!system_.sealingKey(key.bytes)) return Status::crypto_failed;
  const Status status = gcmDecrypt(key.bytes, sealed.data + sizeof magic, aadOf(name),
                                   {sealed.data + headBytes, sealed.length - headBytes}, out, capacity, length);
  return status == Status::ok ? Status::ok : Status::corrupt;
}

}  // namespace esplock::crypto
