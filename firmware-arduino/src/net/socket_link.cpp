#include "net/socket_link.h"

#include "net/close_codes.h"

namespace board {

using esplock::ChannelEvent;
using esplock::ChannelEventKind;
using esplock::TransportError;

namespace {

constexpr std::uint64_t startLimitMs = 10'000;
constexpr std::uint64_t closeLimitMs = 2'000;
constexpr std::uint16_t goingAway = 1001;

}  // namespace

bool SocketLink::open(const esplock::ChannelRequest& request) {
  SocketJob& job = network_.socketJob;
  drainLost();
  if (link_ != Link::none || !network_.idle()) return false;
  const bool fits = copyText(request.path, job.path) && copyText(request.subprotocol, job.subprotocol) &&
                    joinText("Bearer ", request.bearer, job.authorization) &&
                    joinText("X-OpenLock-Door: ", request.doorId, job.doorHeader);
  if (!fits) return false;
  network_.server.set(request.relay);
  job.closeCode.store(0, std::memory_order_relaxed);
  link_ = Link::opening;
  socketLimitMs_ = clock_.monotonicMs() + startLimitMs;
  limitError_ = TransportError::timeout;
  job.turn.request();
  return true;
}

/// Lets go of the event handed out last, and takes in the end of a socket given up.
void SocketLink::drainLost() {
  if (eventHeld_) network_.events.release();
  eventHeld_ = false;
  if (link_ == Link::lost && network_.events.peek() != nullptr) network_.events.release();
  Handover& turn = network_.socketJob.turn;
  if ((!turn.isFinished() && !turn.isFree()) || network_.events.peek() != nullptr) return;
  turn.release();
  link_ = Link::none;
}

ChannelEvent SocketLink::poll() {
  drainLost();
  if (link_ == Link::none || link_ == Link::lost) return {};
  const EventSlot::Event* const event = network_.events.peek();
  if (event == nullptr) {
    return socketLimitMs_ != 0 && clock_.monotonicMs() >= socketLimitMs_ ? lose() : ChannelEvent{};
  }
  eventHeld_ = true;
  ChannelEvent out;
  out.kind = event->kind;
  if (out.kind == ChannelEventKind::closed) {
    out.reason = esplock::closeReasonOf(event->closeCode);
    out.detail = event->closeCode;
  } else if (out.kind == ChannelEventKind::refused) {
    out.refusal = esplock::refusalOfStatus(event->httpStatus);
    out.detail = event->httpStatus;
  }
  out.error = event->error;
  out.data = {reinterpret_cast<const char*>(network_.events.bytes), event->length};
  if (out.kind == ChannelEventKind::opened) {
    link_ = Link::open;
    if (limitError_ == TransportError::timeout) socketLimitMs_ = 0;   // not when it is being closed already
  } else if (out.kind == ChannelEventKind::closed || out.kind == ChannelEventKind::refused) {
    link_ = Link::lost;   // until the job is free again
  }
  return out;
}

ChannelEvent SocketLink::lose() {
  ChannelEvent out;
  out.kind = link_ == Link::open ? ChannelEventKind::closed : ChannelEventKind::refused;
  if (link_ == Link::opening) out.refusal = esplock::Refusal::no_answer;
  out.error = limitError_;
  link_ = Link::lost;
  network_.socketJob.closeCode.store(goingAway, std::memory_order_release);
  network_.socketJob.turn.abandon();
  return out;
}

bool SocketLink::send(bool binary, const void* data, std::size_t length) {
  return link_ == Link::open && socketLimitMs_ == 0 &&
         network_.outgoing.put(binary, static_cast<const std::uint8_t*>(data), length);
}

void SocketLink::close(std::uint16_t code) {
  if (link_ != Link::opening && link_ != Link::open) return;
  if (network_.socketJob.closeCode.load(std::memory_order_relaxed) != 0) return;
  network_.socketJob.closeCode.store(code, std::memory_order_release);
  socketLimitMs_ = clock_.monotonicMs() + closeLimitMs;
  limitError_ = TransportError::none;
}

}  // namespace board
