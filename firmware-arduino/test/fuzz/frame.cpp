#include <string_view>

#include "protocol/frame.h"

using namespace esplock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static json::Document document;
  static Frame frame;
  if (size > 8192) return 0;
  const Status status = readFrame({reinterpret_cast<const char*>(data), size}, document, frame);
  if (status == Status::ok && frame.epoch < 0) __builtin_trap();
  return 0;
}
