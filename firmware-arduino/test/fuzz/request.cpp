// The plaintext of a command (protocol 6.2), as an owner of the public key could write it.
#include <cstdlib>
#include <string_view>

#include "access/request.h"

using namespace esplock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static json::Document document;
  static CommandRequest request;
  const Status status = readRequest({reinterpret_cast<const char*>(data), size}, document, request);
  if (status == Status::ok && !request.hasReplyKey) std::abort();
  return 0;
}
