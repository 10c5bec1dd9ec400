#include "net/post_link.h"

#include <cstring>

namespace board {

using esplock::PostState;
using esplock::TransportError;

namespace {

constexpr std::uint64_t limitMs = 10'000;

}  // namespace

bool PostLink::start(const esplock::RelayAddress& relay, std::string_view path, std::string_view body) {
  if (!network_.idle() || body.size() > PostJob::bodyBytes || !copyText(path, job_.path)) return false;
  network_.server.set(relay);
  std::memcpy(job_.body, body.data(), body.size());
  job_.length = body.size();
  posting_ = true;
  postLimitMs_ = clock_.monotonicMs() + limitMs;
  job_.turn.request();
  return true;
}

PostState PostLink::poll(esplock::PostAnswer& answer) {
  answer = esplock::PostAnswer{};
  if (!posting_) return PostState::idle;
  if (!job_.turn.isFinished()) {
    if (clock_.monotonicMs() < postLimitMs_) return PostState::pending;
    cancel();
    answer.error = TransportError::timeout;
    return PostState::failed;
  }
  posting_ = false;
  job_.turn.release();   // the bytes stay as they are until the next start()
  answer.refusal = esplock::refusalOfStatus(job_.httpStatus);
  answer.httpStatus = job_.httpStatus;
  answer.error = job_.error;
  if (job_.error != TransportError::none) return PostState::failed;
  answer.body = {reinterpret_cast<const char*>(job_.body), job_.length};
  return PostState::done;
}

void PostLink::cancel() {
  if (posting_) job_.turn.abandon();
  posting_ = false;
}

}  // namespace board
