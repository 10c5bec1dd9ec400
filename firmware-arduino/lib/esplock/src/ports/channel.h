// What carries frames between the door and its relay, one connection at a time, behind calls that never block. It knows
// how a connection is opened, refused and ended, and tells it in words (protocol 5.6): the core sees no code of WebSocket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ports/relay_address.h"
#include "ports/transport_error.h"
#include "protocol/close_reason.h"
#include "protocol/refusal.h"

namespace esplock {

enum class ChannelEventKind : std::uint8_t { none, opened, refused, text, binary, closed };

struct ChannelEvent {
  ChannelEventKind kind = ChannelEventKind::none;
  std::string_view data;                         ///< text or binary: one whole message, valid until the next poll
  Refusal refusal = Refusal::none;               ///< refused: what the relay said, or `no_answer`
  CloseReason reason = CloseReason::lost;        ///< closed: what the relay said, or `lost`
  TransportError error = TransportError::none;   ///< refused with `no_answer`, or `lost`: why
  int detail = 0;                                ///< for people to read: HTTP status or close code; nothing is decided by it
};

/// The upgrade request of protocol 4.6.
struct ChannelRequest {
  RelayAddress relay;
  std::string_view path;          ///< "/v1/devices/socket"
  std::string_view bearer;        ///< session token, goes into `Authorization: Bearer`
  std::string_view doorId;        ///< goes into `X-OpenLock-Door`
  std::string_view subprotocol;   ///< "openlock.door.v1"; an upgrade that does not select it is `refused`
};

class Channel {
 public:
  static constexpr std::size_t maxFrameBytes = 8192;   ///< protocol 4.6; longer: close with `too_big`

  virtual ~Channel() = default;

  /// Starts the upgrade. Views are copied before the call returns. One at a time; false when it cannot start. Time limit
  /// 10 s. Ends in exactly one `opened` or `refused`; after `opened` in exactly one `closed`.
  virtual bool open(const ChannelRequest& request) = 0;

  /// Next thing that happened, in order; kind `none` when nothing is waiting.
  virtual ChannelEvent poll() = 0;

  /// False when the channel is not open or its queue is full: the message was certainly not sent. True says no more than
  /// that it is queued; what must arrive is kept until the relay has answered something sent after it (protocol 5.7).
  virtual bool sendText(std::string_view message) = 0;
  virtual bool sendBinary(const std::uint8_t* data, std::size_t length) = 0;

  /// Ends it after what is queued, in `closed` at the latest after 2 s. No effect without a connection; an upgrade still
  /// under way is given up and ends in `refused`.
  virtual void close(CloseReason reason) = 0;
};

}  // namespace esplock
