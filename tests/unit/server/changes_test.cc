#include "proxy/server/changes.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace sallyport::server {
namespace {

config::Config plain() {
  config::Config config;
  config.hostname = "gateway.example";
  for (const char* const host : {"127.0.0.1", "::"}) {
    config::Listener listener;
    listener.address = {.host = host, .port = 2525};
    config.listeners.push_back(std::move(listener));
  }
  for (const char* const name : {"ses", "mailgun"}) {
    config::Upstream upstream;
    upstream.name = name;
    config.upstreams.push_back(std::move(upstream));
  }
  config.auth.users.push_back({.name = "app", .password_hash = "x", .senders = {}, .limits = {}});
  config.routes.push_back({.senders = {}, .upstreams = config::in_order({0, 1})});
  return config;
}

Snapshot snapshot_of(config::Config config, std::string root = "") {
  Snapshot snapshot;
  relay::Settings settings{.hostname = config.hostname,
                           .upstreams = config.upstreams,
                           .files = {},
                           .routes = config.routes};
  settings.files.assign(config.upstreams.size(), {.ca = root});
  snapshot.config = std::make_shared<const config::Config>(std::move(config));
  snapshot.certificates = std::make_shared<const Certificates>();
  snapshot.relaying = std::make_shared<const relay::Settings>(std::move(settings));
  return snapshot;
}

TEST(Changes, AreNoneBetweenEquals) {
  config::Config moved = plain();
  moved.listeners[0].origin = {{.line = 9, .column = 1}};  // a comment was put in above
  EXPECT_EQ(changes(snapshot_of(plain()), snapshot_of(moved)), "");
}

TEST(Changes, NameWhatIsDifferentNewAndGone) {
  struct {
    void (*change)(config::Config&);
    const char* expected;
  } const cases[] = {
      {[](config::Config& c) { c.auth.file_users = c.auth.users; }, "users"},
      {[](config::Config& c) { c.auth.users[0].password_hash = "y"; }, "users"},
      {[](config::Config& c) { c.upstreams[0].password = Secret("new"); }, "upstream ses"},
      {[](config::Config& c) { c.upstreams.pop_back(); }, "upstream mailgun"},
      {[](config::Config& c) { c.upstreams[1].name = "sendgrid"; },
       "upstream sendgrid,upstream mailgun"},
      {[](config::Config& c) { c.listeners[1].compat = true; }, "listener [::]:2525"},
      {[](config::Config& c) { c.listeners[0].address.port = 587; },
       "listener 127.0.0.1:587,listener 127.0.0.1:2525"},
      {[](config::Config& c) { c.hostname = "new.example"; }, "hostname"},
      {[](config::Config& c) {
         c.workers = 7;
         c.session.max_errors = 1;
         c.log.level = log::Level::kDebug;
       },
       "workers,session,log"},
  };
  for (const auto& each : cases) {
    config::Config after = plain();
    each.change(after);
    EXPECT_EQ(changes(snapshot_of(plain()), snapshot_of(after)), each.expected);
  }
}

TEST(Changes, NameAnUpstreamWhoseRootsAreNew) {
  EXPECT_EQ(changes(snapshot_of(plain()), snapshot_of(plain(), "new")),
            "upstream ses (ca),upstream mailgun (ca)");
}

}  // namespace
}  // namespace sallyport::server
