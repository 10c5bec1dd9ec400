// The network, behind calls that never block: join, POST, one WebSocket.
//
// All calls come from the one task that runs Door::poll(). An adapter that does its work in a task of its own
// hands results over through a queue. Views passed in are copied before the call returns; views handed out stay
// valid until the next call of the same poll function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace esplock {

/// Why the network failed, as far as the adapter can tell.
enum class TransportError : std::uint8_t {
  none,
  unreachable,   ///< no route, no DNS answer, connection refused
  untrusted,     ///< certificate not signed by the CA, or for another host
  timeout,
  too_big,       ///< the answer or frame passes the bound
  protocol,      ///< not HTTP, not WebSocket, wrong subprotocol
};

enum class NetworkState : std::uint8_t { down, joining, up };

enum class PostState : std::uint8_t { idle, pending, done, failed };

/// Filled when a POST is `done` (status, body) or `failed` (error).
struct PostAnswer {
  int httpStatus = 0;
  std::string_view body;                          ///< to 4096 bytes, valid until the next startPost
  TransportError error = TransportError::none;
};

enum class SocketEventKind : std::uint8_t { none, opened, refused, text, binary, closed };

struct SocketEvent {
  SocketEventKind kind = SocketEventKind::none;
  std::string_view data;                          ///< text or binary: one whole message
  int httpStatus = 0;                             ///< refused: status of the upgrade's answer, 0 if there was none
  std::uint16_t closeCode = 0;                    ///< closed: the peer's code, 1006 if the link just broke
  TransportError error = TransportError::none;    ///< refused or closed without an answer: why
};

/// The upgrade request of protocol 4.6.
struct SocketRequest {
  std::string_view path;          ///< "/v1/devices/socket"
  std::string_view bearer;        ///< session token, goes into `Authorization: Bearer`
  std::string_view doorId;        ///< goes into `X-OpenLock-Door`
  std::string_view subprotocol;   ///< "openlock.door.v1"; an upgrade that does not select it is `refused`
};

class Transport {
 public:
  static constexpr std::size_t maxBodyBytes = 4096;
  static constexpr std::size_t maxFrameBytes = 8192;   ///< protocol 4.6; longer: close with 1009

  virtual ~Transport() = default;

  /// The relay's https origin and the CA certificate(s), PEM, that its certificate must chain to. The host name is
  /// always checked. An empty CA must make every connection fail with `untrusted`, never fall back to "any".
  virtual void setServer(std::string_view origin, std::string_view caPem) = 0;

  /// Starts joining the wireless network (again, with new settings). A wired or host transport ignores it.
  virtual void joinNetwork(std::string_view ssid, std::string_view password) = 0;
  virtual NetworkState networkState() = 0;

  /// Starts one HTTPS POST of `application/json`. One at a time; false when it cannot start. Time limit 10 s.
  virtual bool startPost(std::string_view path, std::string_view body) = 0;
  virtual PostState pollPost(PostAnswer& answer) = 0;
  virtual void cancelPost() = 0;

  /// Starts the upgrade. One socket at a time; false when it cannot start. Time limit 10 s.
  /// Ends in exactly one `opened` or `refused`; after `opened` in exactly one `closed`.
  virtual bool openSocket(const SocketRequest& request) = 0;

  /// Next thing that happened, in order; kind `none` when nothing is waiting.
  virtual SocketEvent pollSocket() = 0;

  /// False when the socket is not open or its queue is full: the message was certainly not sent.
  virtual bool sendText(std::string_view message) = 0;
  virtual bool sendBinary(const std::uint8_t* data, std::size_t length) = 0;

  /// Sends a close frame after what is queued. Ends in `closed` at the latest after 2 s. No effect without a socket;
  /// an upgrade still under way is given up and ends in `refused`.
  virtual void closeSocket(std::uint16_t code) = 0;

  /// Signal strength in dBm; false where there is none.
  virtual bool rssi(int& outDbm) = 0;
};

}  // namespace esplock
