// Whatever the bytes: no crash, and what is accepted is walked whole and written back as JSON that is accepted again.
#include <cstdlib>
#include <string>
#include <string_view>

#include "json/reader.h"
#include "json/writer.h"

using namespace esplock;

namespace {

char scratch[70'000];
char output[600'000];

void rewrite(json::Value value, json::Writer& out) {
  switch (value.type()) {
    case json::Type::string: {
      std::size_t length = 0;
      if (value.text(scratch, sizeof scratch, length) != Status::ok) std::abort();
      if (!value.equals({scratch, length})) std::abort();
      out.string({scratch, length});
      return;
    }
    case json::Type::array: {
      out.beginArray();
      for (json::Value child = value.first(); child.exists(); child = child.next()) rewrite(child, out);
      out.endArray();
      return;
    }
    case json::Type::object: {
      out.beginArray();
      for (json::Value child = value.first(); child.exists(); child = child.next()) rewrite(child, out);
      out.endArray();
      return;
    }
    case json::Type::missing: std::abort();
    default: out.raw(value.raw());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static json::Document document;
  if (document.parse({reinterpret_cast<const char*>(data), size}) != Status::ok) return 0;
  json::Writer writer(output, sizeof output);
  rewrite(document.root(), writer);
  if (!writer.ok()) return 0;
  static json::Document again;
  if (again.parse(writer.view()) != Status::ok) std::abort();
  return 0;
}
