// The ports network, https and channel on libwebsockets: one TLS context that trusts the configured CA and nothing else, one POST and one
// WebSocket at a time. Runs on the caller's thread; service() turns the event loop.
#pragma once

#include <libwebsockets.h>

#include <deque>
#include <string>

#include "ports/channel.h"
#include "ports/https.h"
#include "ports/network.h"

namespace host {

class LwsTransport final : public esplock::Network, public esplock::Https, public esplock::Channel {
 public:
  LwsTransport();
  ~LwsTransport() override;

  /// Waits for something to happen, at most about 20 ms.
  void service();

  /// Pulls the cable: connections break without a word and new ones fail.
  void setCut(bool cut);

  void join(std::string_view ssid, std::string_view password) override;
  esplock::NetworkState state() override;
  bool rssi(int& outDbm) override;
  bool startPost(const esplock::RelayAddress& relay, std::string_view path, std::string_view body) override;
  esplock::PostState pollPost(esplock::PostAnswer& answer) override;
  void cancelPost() override;
  bool open(const esplock::ChannelRequest& request) override;
  esplock::ChannelEvent poll() override;
  bool sendText(std::string_view message) override;
  bool sendBinary(const std::uint8_t* data, std::size_t length) override;
  void close(esplock::CloseReason reason) override;

  int onHttp(lws* wsi, lws_callback_reasons reason, void* in, std::size_t length);
  int onSocket(lws* wsi, lws_callback_reasons reason, void* in, std::size_t length);
  void tick();

 private:
  struct Message {
    bool binary;
    std::string data;
  };
  struct Queued {
    esplock::ChannelEvent event;
    std::string data;
  };
  struct Timer {
    lws_sorted_usec_list_t sul;   // first, so that a timer is found from its list
    LwsTransport* owner;
  };

  void setRelay(const esplock::RelayAddress& relay);
  void rebuildContext();
  lws* connect(const char* method, const char* path, const char* protocol);
  bool addPostHeaders(lws* wsi, unsigned char** at, std::size_t space);
  bool writePost(lws* wsi);
  void failPost(esplock::TransportError error);
  void queueEvent(esplock::ChannelEvent event);
  void queueRefused(esplock::TransportError error, int httpStatus);
  void receive(lws* wsi, const char* data, std::size_t length);
  int writeNext(lws* wsi);
  void socketGone();
  esplock::TransportError errorOf(const char* text) const;

  lws_context* context_ = nullptr;
  Timer timer_{};
  bool cut_ = false;
  bool certificateRefused_ = false;   ///< seen during the handshake under way
  std::string origin_;
  std::string ca_;
  std::string host_;
  int port_ = 443;

  lws* post_ = nullptr;
  esplock::PostState postState_ = esplock::PostState::idle;
  esplock::TransportError postError_ = esplock::TransportError::none;
  int postStatus_ = 0;
  std::string postBody_;
  std::string postAnswer_;

  lws* socket_ = nullptr;
  bool socketOpen_ = false;
  bool socketActive_ = false;      ///< from open() until its last event
  std::uint16_t closeWanted_ = 0;
  std::uint16_t closeReceived_ = 0;
  std::uint64_t closeLimitMs_ = 0;
  std::string bearer_;
  std::string doorId_;
  std::string subprotocol_;
  std::string incoming_;
  bool incomingBinary_ = false;
  std::deque<Message> outgoing_;
  std::deque<Queued> events_;
  Queued handedOut_;
};

}  // namespace host
