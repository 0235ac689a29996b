// A session and its client, in memory and virtual time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "proxy/submission/session.h"
#include "tests/support/memory_stream.h"
#include "tests/unit/submission/world.h"

namespace sallyport::submission {

/// A session on a listener without TLS, and the client's end. `end` it.
struct Conversation {
  explicit Conversation(World& in, std::string client_ip = "127.0.0.1")
      : loop(in.context.loop), world(in), tasks(loop), listener(in.metrics.for_listener("test")) {
    config = World::make_config();
    config->listeners.push_back({{"127.0.0.1", 25}, config::TlsMode::kNone});
    auto [near, far] = support::MemoryStream::pair(loop);
    client = std::move(near);
    server = far.get();
    session.emplace(world.context, SessionSnapshot{config, nullptr},
                    Gate{config->listeners.front(), listener}, std::move(far),
                    std::move(client_ip));
    tasks.spawn(session->run());
  }

  /// The client goes, and the session with it.
  runtime::Task<void> end() {
    client.reset();
    (void)co_await tasks.join();
  }

  /// What the client hears when it has said `flight`.
  runtime::Task<std::string> ask(std::string flight) {
    using namespace std::chrono_literals;
    runtime::Event never(loop);
    (void)co_await never.wait(loop.after(1ms));  // nobody speaks before the greeting
    (void)co_await client->write(flight, loop.after(1s));
    (void)co_await never.wait(loop.after(1ms));
    std::string answer;
    while (!client->is_quiet()) answer += (co_await client->read(loop.after(1s))).value_or("");
    co_return answer;
  }

  /// EHLO, and AUTH as "app".
  runtime::Task<void> log_in() {
    (void)co_await ask("EHLO me\r\n");
    (void)co_await ask(std::string(kLogin));
  }

  runtime::Loop& loop;
  World& world;
  runtime::TaskGroup tasks;
  metrics::ListenerMetrics& listener;
  std::shared_ptr<config::Config> config;
  std::unique_ptr<support::MemoryStream> client;
  support::MemoryStream* server = nullptr;  // the session's
  std::optional<Session> session;
};

/// Runs `test` with a conversation in a world of its own, and ends it.
inline void converse(runtime::Task<void> (*test)(Conversation& talk)) {
  runtime::Loop loop(runtime::Time::kVirtual);
  const auto main = [](runtime::Loop& on, auto body) -> runtime::Task<void> {
    World world(on);
    Conversation talk(world);
    co_await body(talk);
    co_await talk.end();
  };
  loop.run(main(loop, test));
}

}  // namespace sallyport::submission
