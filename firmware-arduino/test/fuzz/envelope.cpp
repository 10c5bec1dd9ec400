// The envelope reader, twice: the input as a compact JWE to a door with a real key, and as a protected header.
#include <cstdlib>
#include <string>
#include <string_view>

#include "support/envelopes.h"
#include "support/fakes.h"
#include "jose/envelope.h"

using namespace esplock;

namespace {

struct Target {
  fakes::FakeRandom random;
  crypto::RsaKey key;
  Workspace workspace;
  EnvelopeOpener opener{random, workspace};
  std::string kid;
  Target() {
    const auto& der = envelopes::doorKeyDer();
    if (key.load({der.data(), der.size()}) != Status::ok) std::abort();
    kid = envelopes::kidOf(der);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Target target;
  static json::Document document;
  static EnvelopeHeader header;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Nobody without the fuzzer's key can make one that opens.
  if (target.opener.open(text, target.key, target.kid) == Status::ok) std::abort();
  if (readEnvelopeHeader(text, document, header) == Status::ok && header.iatMs < 0) std::abort();
  return 0;
}
