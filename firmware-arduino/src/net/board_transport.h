#pragma once

#include "net/post_link.h"
#include "net/socket_link.h"
#include "net/wifi_station.h"

namespace board {

/// The transport port on the door's side of the queues: each call goes to the part it is about.
class BoardTransport final : public esplock::Transport {
 public:
  BoardTransport(WifiStation& wifi, NetworkTask& network, esplock::Clock& clock)
      : wifi_(wifi), network_(network), post_(network.post, clock), socket_(network, clock) {}

  void setServer(std::string_view origin, std::string_view caPem) override { network_.trust.set(origin, caPem); }
  void joinNetwork(std::string_view ssid, std::string_view password) override { wifi_.join(ssid, password); }
  esplock::NetworkState networkState() override { return wifi_.state(); }
  bool rssi(int& outDbm) override { return wifi_.rssi(outDbm); }

  bool startPost(std::string_view path, std::string_view body) override { return post_.start(path, body); }
  esplock::PostState pollPost(esplock::PostAnswer& answer) override { return post_.poll(answer); }
  void cancelPost() override { post_.cancel(); }

  bool openSocket(const esplock::SocketRequest& request) override { return socket_.open(request); }
  esplock::SocketEvent pollSocket() override { return socket_.poll(); }
  bool sendText(std::string_view message) override { return socket_.send(false, message.data(), message.size()); }
  bool sendBinary(const std::uint8_t* data, std::size_t length) override { return socket_.send(true, data, length); }
  void closeSocket(std::uint16_t code) override { socket_.close(code); }

 private:
  WifiStation& wifi_;
  NetworkTask& network_;
  PostLink post_;
  SocketLink socket_;
};

}  // namespace board
