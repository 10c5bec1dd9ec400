#pragma once

#include "net/post_link.h"
#include "net/socket_link.h"
#include "net/wifi_station.h"

namespace board {

/// The ports network, https and channel on the door's side of the queues: each call goes to the part it is about.
class BoardTransport final : public esplock::Network, public esplock::Https, public esplock::Channel {
 public:
  BoardTransport(WifiStation& wifi, NetworkTask& network, esplock::Clock& clock)
      : wifi_(wifi), post_(network, clock), socket_(network, clock) {}

  void join(std::string_view ssid, std::string_view password) override { wifi_.join(ssid, password); }
  esplock::NetworkState state() override { return wifi_.state(); }
  bool rssi(int& outDbm) override { return wifi_.rssi(outDbm); }

  bool startPost(const esplock::RelayAddress& relay, std::string_view path, std::string_view body) override {
    return post_.start(relay, path, body);
  }
  esplock::PostState pollPost(esplock::PostAnswer& answer) override { return post_.poll(answer); }
  void cancelPost() override { post_.cancel(); }

  bool open(const esplock::ChannelRequest& request) override { return socket_.open(request); }
  esplock::ChannelEvent poll() override { return socket_.poll(); }
  bool sendText(std::string_view message) override { return socket_.send(false, message.data(), message.size()); }
  bool sendBinary(const std::uint8_t* data, std::size_t length) override { return socket_.send(true, data, length); }
  void close(esplock::CloseReason reason) override { socket_.close(esplock::closeCodeOf(reason)); }

 private:
  WifiStation& wifi_;
  PostLink post_;
  SocketLink socket_;
};

}  // namespace board
