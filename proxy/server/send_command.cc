#include "proxy/server/send_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/config/load.h"
#include "proxy/http/client.h"
#include "proxy/oauth/tokens.h"
#include "proxy/relay/opening.h"
#include "proxy/relay/relay.h"
#include "proxy/relay/transaction.h"
#include "proxy/runtime/loop.h"
#include "proxy/server/admin_client.h"
#include "proxy/server/gate_client.h"
#include "proxy/server/gate_dialer.h"
#include "proxy/server/hash_password.h"
#include "proxy/server/outside.h"
#include "proxy/server/process.h"
#include "proxy/server/snapshot.h"
#include "proxy/server/test_message.h"
#include "proxy/trace/record.h"

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;
using runtime::Task;

constexpr Duration kQuit = 2s;
// The gate answers its client first, and then keeps the trace.
constexpr Duration kTracePatience = 2s;
constexpr Duration kAskAgain = 50ms;

/// What came of it, in words.
struct Sent {
  bool delivered = false;
  std::string words;
};

ExitCode failed(const std::string& why) {
  std::fprintf(stderr, "sallyport: send: %s\n", why.c_str());
  return kFailure;
}

void print_steps(const trace::Story& story, TimePoint begun) {
  for (const trace::Step& step : story.steps()) {
    std::printf("  %12s  %-11s %s\n", trace::in_seconds(step.when - begun).c_str(),
                std::string(step.name).c_str(), trace::printable(step.words).c_str());
  }
}

ExitCode conclude(const Sent& sent, const trace::Story& story, TimePoint begun) {
  print_steps(story, begun);
  std::printf("%s: %s\n", sent.delivered ? "delivered" : "not delivered",
              trace::printable(sent.words).c_str());
  return sent.delivered ? kOk : kFailure;
}

/// By the routes and upstreams of the configuration, in this process.
Task<Sent> send_by_upstream(runtime::Loop& loop, std::shared_ptr<const config::Config> config,
                            const message::Message& message, trace::Story& story) {
  metrics::Registry metrics({.version = SALLYPORT_VERSION});
  log::Logger logger({.most_buffered = 0});
  relay::ConnectionCaps caps;
  http::Client http(1);
  oauth::Tokens tokens(http, {});
  auto relay = relay::Relay::make(
      {.loop = loop, .logger = logger, .metrics = metrics, .caps = caps, .tokens = &tokens},
      config);
  if (!relay) co_return Sent{.words = relay.error().text};
  const relay::Delivery delivery = co_await (*relay)->deliver(
      message, loop.after(config->session.upstream_timeout), {.story = &story});
  co_await (*relay)->drain(loop.after(kQuit));
  co_return Sent{.delivered = delivery.outcome == relay::Outcome::kDelivered,
                 .words = delivery.upstream.empty()
                              ? delivery.reply.one_line()
                              : fmt::format("{}: {}", delivery.upstream, delivery.upstream_reply)};
}

/// By a listener of the gate that runs, as a client.
Task<Sent> send_by_gate(runtime::Loop& loop, const GateAccess& access, const std::string& hostname,
                        const message::Message& message, trace::Story& story) {
  std::unique_ptr<net::ClientTlsContext> tls;
  if (access.gate.tls != config::TlsMode::kNone) {
    auto made = net::ClientTlsContext::make(access.trusted);
    if (!made) co_return Sent{.words = made.error().text};
    tls = std::move(*made);
  }
  GateDialer dialer(loop, access.addresses, access.certificate_name, std::move(tls));
  std::vector<relay::Connection*> under_way;
  const auto credential = relay::make_credential(loop, access.gate, nullptr);
  auto connection =
      co_await relay::open_connection(loop, dialer, *credential, access.gate, hostname,
                                      loop.after(access.gate.connect_timeout), under_way, &story);
  if (!connection) co_return Sent{.words = connection.error().str()};
  // The gate may take as long as it gives its upstreams.
  const relay::Attempt attempt =
      co_await relay::transact(loop, **connection, access.gate, config::PartialRejection::kReject,
                               message, relay::Deadlines(loop.after(11min)), {.story = &story});
  co_await (*connection)->quit(loop.after(kQuit));
  co_return Sent{.delivered = attempt.end == relay::End::kAccepted, .words = attempt.str()};
}

/// The part of the way that the gate alone knows, if it tells.
void print_trace_of(const config::Config& config, const std::string& message_id) {
  if (config.admin_socket.empty()) {
    std::printf("(the gate's part of the way is shown if admin.socket is set)\n");
    return;
  }
  const TimePoint until = std::chrono::steady_clock::now() + kTracePatience;
  const std::string target = "/trace?last=1&message_id=" + escaped(message_id);
  auto answer = ask_admin(config.admin_socket, target);
  while (answer && answer->status == 404 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kAskAgain);
    answer = ask_admin(config.admin_socket, target);
  }
  std::printf("\n%s", answer ? answer->body.c_str() : (answer.error().text + "\n").c_str());
}

Result<Secret> password_for(const SendCommand& command) {
  if (command.password_file.empty() && command.password_env.empty()) return read_known_password();
  const config::Outside outside = real_outside();
  std::string text;
  if (!command.password_file.empty()) {
    auto read = outside.read_file(command.password_file);
    if (!read) return fail(ErrorCode::kSystem, command.password_file + ": " + read.error().text);
    text = std::move(*read);
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
  } else {
    auto value = outside.environment(command.password_env);
    if (!value) return fail(ErrorCode::kNotFound, "there is no variable " + command.password_env);
    text = std::move(*value);
  }
  if (text.empty()) return fail(ErrorCode::kInvalid, "the password is empty");
  return Secret::consume(text);
}

ExitCode send_as_user(const SendCommand& command, const Snapshot& snapshot,
                      const config::User& user) {
  auto password = password_for(command);
  if (!password) return failed(password.error().text);
  const config::Config& config = *snapshot.config;
  const auto access = access_for(snapshot, command.listener, user.name, std::move(*password));
  if (!access) return failed(access.error().text);
  message::Budget budget(config.message.budget);
  const message::Storage storage;
  const std::string from = command.from.empty() ? sender_for(&user, config.hostname) : command.from;
  const auto message = make_test_message(from, command.to, config.hostname,
                                         std::chrono::system_clock::now(), budget, storage);
  if (!message) return failed(message.error().text);
  std::printf("from %s to %s, message-id %s, as %s by the gate's listener %s\n", from.c_str(),
              command.to.c_str(), message->message_id.c_str(), user.name.c_str(),
              access->addresses.front().str().c_str());
  if (!access->warning.empty()) std::printf("warning: %s\n", access->warning.c_str());
  runtime::Loop loop;
  trace::Story story;
  const TimePoint begun = loop.now();
  const Sent sent = loop.run(send_by_gate(loop, *access, config.hostname, *message, story));
  const ExitCode code = conclude(sent, story, begun);
  print_trace_of(config, message->message_id);
  return code;
}

ExitCode send_from_here(const SendCommand& command, const Snapshot& snapshot) {
  const config::Config& config = *snapshot.config;
  message::Budget budget(config.message.budget);
  const message::Storage storage;
  const std::string from =
      command.from.empty() ? sender_for(nullptr, config.hostname) : command.from;
  const auto message = make_test_message(from, command.to, config.hostname,
                                         std::chrono::system_clock::now(), budget, storage);
  if (!message) return failed(message.error().text);
  std::printf("from %s to %s, message-id %s, by the upstreams, past the gate\n", from.c_str(),
              command.to.c_str(), message->message_id.c_str());
  runtime::Loop loop;
  trace::Story story;
  const TimePoint begun = loop.now();
  const Sent sent = loop.run(send_by_upstream(loop, snapshot.config, *message, story));
  return conclude(sent, story, begun);
}

}  // namespace

ExitCode send(const SendCommand& command) {
  protect_process();
  std::signal(SIGPIPE, SIG_IGN);
  const net::TicketKeys keys;
  const auto snapshot = load_snapshot(command.config, real_outside(), keys);
  if (!snapshot) {
    for (const config::Problem& problem : snapshot.error()) {
      std::fprintf(stderr, "%s\n", problem.str().c_str());
    }
    return kBadConfig;
  }
  if (command.user.empty()) return send_from_here(command, *snapshot);
  const auto user = snapshot->users->find(command.user);
  if (!user) return failed(fmt::format("there is no user '{}'", command.user));
  return send_as_user(command, *snapshot, *user);
}

}  // namespace sallyport::server
