// A relay with upstreams made of scripts, in virtual time.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/base/log.h"
#include "proxy/message/message.h"
#include "proxy/relay/relay.h"
#include "proxy/runtime/task_group.h"
#include "tests/support/memory_stream.h"
#include "tests/support/scripted_upstream.h"

namespace sallyport::relay {

/// One upstream's host: what it plays on each connection, and what it saw.
struct Host {
  /// For each connection to come; a script may also be one of
  ///   D! refuse            the connection is refused
  ///   D! timeout           nobody answers
  ///   D! unresolved        the name does not resolve
  ///   D! tls               TLS fails; what follows is never played
  ///   D! tls reset         the connection is lost in the handshake
  ///   D! not tls           the peer does not speak TLS
  ///   D! tls timeout       nobody answers in the handshake
  std::deque<std::string> scripts;
  std::size_t addresses = 1;  ///< Of its name: one opening may dial each of them once.
  support::MemoryStreamOptions stream;
  int dials = 0;
  int secured = 0;
  int spoke_well = 0;  ///< Conversations that came as far as EHLO.
  int spoke_badly = 0;
  std::vector<std::string> contents;
  support::MemoryStream* last_stream = nullptr;  ///< Our end of the last connection.
};

class World {
 public:
  explicit World(std::vector<config::Upstream> upstreams);
  /// Drains everything; what was not as scripted fails the test.
  ~World();

  Host& host(const std::string& upstream) { return hosts_[upstream]; }
  config::Config& config() { return *config_; }
  /// The relay, made at the first call.
  Relay& relay();
  /// Makes a relay of what `config` says now, sharing with the one there is; the old one drains.
  void reload();

  message::Message message(const std::vector<std::string>& recipients = {"to@there.example"},
                           std::string_view content = "Subject: x\r\n\r\nhello\r\n");
  /// Delivers within `at_most` of virtual time.
  Delivery deliver(const message::Message& message, Duration at_most = std::chrono::minutes(60));
  /// Several at a time, each begun in the order given.
  std::vector<Delivery> deliver_all(const std::vector<message::Message>& messages,
                                    Duration at_most = std::chrono::minutes(60));
  /// Lets time pass.
  void pass(Duration span);
  /// What was logged. Only once.
  std::string log();
  /// Drains the relay and waits for the scripts.
  void end();
  /// The same; what was not as scripted fails the test.
  void finish();

  runtime::Loop loop{runtime::Time::kVirtual};
  metrics::Registry metrics{{}};
  message::Budget budget{1u << 30};
  message::Storage storage;
  ConnectionCaps caps;
  std::vector<std::string> faults;

 private:
  class ScriptedDialer;

  runtime::Task<void> serve(std::unique_ptr<runtime::ByteStream> stream, std::string script,
                            Host& host, int number);
  runtime::Task<void> deliver_into(const message::Message& message, TimePoint deadline,
                                   Delivery& delivery);

  int log_descriptor_;
  std::unique_ptr<log::Logger> logger_;
  std::shared_ptr<config::Config> config_;
  std::map<std::string, Host> hosts_;
  runtime::TaskGroup scripts_;
  std::unique_ptr<Relay> relay_;
  int messages_ = 0;
};

/// An SMTP upstream with a login, as the tests' config has it.
config::Upstream upstream(std::string name);

}  // namespace sallyport::relay
