// Keeps the door at its relay: challenge -> register -> socket -> hello -> welcome -> live, and back after every loss
// (protocol 4.3 to 4.6, 5). Knows nothing of locks; the door is told through SessionListener.
#pragma once

#include <cstdint>
#include <string_view>

#include "channels/backoff.h"
#include "channels/session_state.h"
#include "channels/transition.h"
#include "config/settings_manager.h"
#include "identity/key_ring.h"
#include "identity/proof.h"
#include "json/reader.h"
#include "log/log_ring.h"
#include "ports/channel.h"
#include "ports/https.h"
#include "ports/key_value_store.h"
#include "ports/network.h"
#include "ports/random.h"
#include "protocol/frame.h"
#include "time/time_keeper.h"

namespace esplock {

class SessionListener {
 public:
  virtual ~SessionListener() = default;
  virtual void onState(SessionState state) = 0;
  virtual void onTrouble(const SessionTrouble& trouble) = 0;
  virtual void onWelcome() = 0;
  virtual void onKeepAliveSent() = 0;
  virtual void onKeepAliveAnswered() = 0;
  virtual void onCommand(const Frame& frame) = 0;
  virtual void onStatusAsked(const char* id) = 0;
  virtual void onChallengeAsked(const char* id) = 0;
  virtual void onUpdateOffered(const Frame& frame) = 0;

  /// A binary frame: offset and bytes of an image (protocol 12.4).
  virtual void onBytes(std::string_view frame) = 0;
};

class Session {
 public:
  static constexpr unsigned missedLimit = 3;
  static constexpr unsigned silentRefusalLimit = 3;   ///< upgrades refused without a status, before the token is doubted
  static constexpr std::int64_t largestEpochStep = 1 << 20;   ///< a relay counts connections; more at once is none of its counting

  struct Identity {
    const char* version = "";
    const char* board = "";
    std::uint32_t securityVersion = 0;
    const std::uint8_t* imageDigest = nullptr;
  };
  struct Parts {
    Network& network;
    Https& https;
    Channel& channel;
    KeyValueStore& store;
    Random& random;
    SettingsManager& settings;
    KeyRing& keys;
    TimeKeeper& time;
    LogRing& log;
    SessionListener& listener;
    Identity identity;
  };

  explicit Session(const Parts& parts) : parts_(parts), backoff_(parts.random) {}

  /// Fresh `boot` id; the persisted epoch is read. `imageDigest` goes into every proof; null: it cannot be told.
  Status start(const std::uint8_t* imageDigest);
  void poll();

  /// Ends the socket in order and starts over with a new registration: settings or key have changed.
  void renew();
  void stop(CloseReason reason);

  SessionState state() const { return state_; }
  bool live() const { return state_ == SessionState::live; }
  bool send(std::string_view text);

  /// True when only the owner or an operator can help; shown as a lasting red.
  bool stuck() const { return stuck_; }

 private:
  void apply(SessionInput input);
  void enter(SessionState state);
  void joinIfDown();
  RelayAddress relay() const;
  void startChallenge();
  void startRegistration();
  void openChannel();
  void sayHello();

  void pollPost();
  void onChallengeAnswer(std::string_view body);
  void onRegisterAnswer(std::string_view body);
  void onPostRefused(const PostAnswer& answer);
  void pollChannel();
  void onChannelLost(const ChannelEvent& event);
  /// True when it was a command: one RSA operation a poll is all the lock may wait for.
  bool onFrame(std::string_view text);
  void onWelcome(const Frame& frame);
  void pollKeepAlive();
  void protocolError(const char* cause);

  void fail(const SessionTrouble& trouble, std::uint64_t atLeastMs);
  void dropToken();
  bool tokenGood() const { return token_[0] != '\0' && silentRefusals_ < silentRefusalLimit; }
  std::uint64_t nowMs() const { return parts_.time.monotonicMs(); }

  Parts parts_;
  Backoff backoff_;
  SessionState state_ = SessionState::unconfigured;
  json::Document document_;
  Frame frame_;
  RegistrationWriter registration_;
  char body_[Https::maxBodyBytes] = {};
  char nonce_[129] = {};
  char token_[129] = {};
  char socketPath_[129] = {};
  char boot_[23] = {};
  char problemCode_[32] = {};
  std::int64_t epoch_ = 0;
  std::uint64_t keepAliveMs_ = 10'000;
  std::uint64_t nextKeepAliveMs_ = 0;
  unsigned unanswered_ = 0;
  unsigned silentRefusals_ = 0;
  std::uint64_t enteredMs_ = 0;
  std::uint64_t waitUntilMs_ = 0;
  std::uint64_t keyRetryMs_ = 0;
  std::uint64_t nextJoinMs_ = 0;
  bool channelOpen_ = false;       ///< between `opened` and `closed`
  bool channelPending_ = false;    ///< between open() and its one answer
  bool renewing_ = false;         ///< the loss to come is our own doing: no waiting
  bool stuck_ = false;
};

}  // namespace esplock
