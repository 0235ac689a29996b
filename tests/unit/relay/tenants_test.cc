#include "proxy/relay/tenants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "proxy/base/base64.h"
#include "proxy/relay/relay.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "tests/support/memory_stream.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using runtime::ByteStream;
using runtime::Loop;
using runtime::Task;

config::Upstream templated(std::string name, std::string username, std::string file) {
  config::Upstream made = upstream(std::move(name));
  made.username = std::move(username);
  made.password_file = std::move(file);
  return made;
}

TEST(Tenants, PlaceholdersAreReplacedOnce) {
  const std::vector<std::string> groups = {"crm", "staff"};
  const auto made =
      for_tenant(templated("a", "{user}@{group}", "/s/{group}/{user}"), "bob", groups);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->username, "bob@crm");
  EXPECT_EQ(made->password_file, "/s/crm/bob");
  // A name that looks like a placeholder stands for itself.
  const auto odd = for_tenant(templated("a", "{user}-{group}", ""), "{group}", groups);
  EXPECT_EQ(odd->username, "{group}-crm");
}

TEST(Tenants, WhatCannotBeToldIsAnError) {
  const struct {
    config::Upstream settings;
    std::string user;
    std::vector<std::string> groups;
    const char* error;
  } cases[] = {
      {templated("a", "{group}", ""),
       "bob",
       {},
       "user \"bob\" has no group, which username of "
       "upstream a needs"},
      {templated("a", "x", "/s/{user}"), "a/b", {}, "\"a/b\" cannot stand in the path"},
      {templated("a", "x", "/s/{group}"), "bob", {".."}, "\"..\" cannot stand in the path"},
      {templated("a", "x", "/s/{group}"), "bob", {std::string("a\0b", 3)}, "cannot stand in the"},
  };
  for (const auto& c : cases) {
    const auto made = for_tenant(c.settings, c.user, c.groups);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().text, testing::HasSubstr(c.error));
  }
}

/// A message as an upstream got it.
struct Got {
  std::string upstream = {};
  std::string username = {};
  std::string password = {};
  std::string content = {};
};

/// Takes all mail, and notes who was logged in.
class Recorder {
 public:
  static Task<void> serve(std::unique_ptr<support::MemoryStream> stream, std::string upstream,
                          std::vector<Got>& got) {
    Recorder recorder(std::move(stream), std::move(upstream), got);
    co_await recorder.run();
  }

 private:
  Recorder(std::unique_ptr<support::MemoryStream> stream, std::string upstream,
           std::vector<Got>& got)
      : stream_(std::move(stream)), got_(got), now_{.upstream = std::move(upstream)} {}

  Task<void> run() {
    if (!co_await stream_->write("220 up\r\n", kNever)) co_return;
    while (true) {
      const auto octets = co_await stream_->read(kNever);
      if (!octets) co_return;
      received_ += *octets;
      std::string replies;
      for (auto end = received_.find("\r\n"); end != received_.npos; end = received_.find("\r\n")) {
        const std::string line = received_.substr(0, end);
        received_.erase(0, end + 2);
        replies += answer(line);
      }
      if (!replies.empty() && !co_await stream_->write(replies, kNever)) co_return;
    }
  }

  std::string answer(const std::string& line) {
    if (in_content_) {
      if (line != ".") {
        now_.content += line + '\n';
        return {};
      }
      in_content_ = false;
      got_.push_back(now_);
      now_.content.clear();
      return "250 2.0.0 Ok\r\n";
    }
    if (line.starts_with("EHLO")) return "250-up\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n";
    if (line.starts_with("AUTH PLAIN ")) {
      const std::string response = base64::decode(line.substr(11)).value();
      const auto second = response.find('\0', 1);
      now_.username = response.substr(1, second - 1);
      now_.password = response.substr(second + 1);
      return "235 2.7.0 Ok\r\n";
    }
    if (line == "DATA") {
      in_content_ = true;
      return "354 Go on\r\n";
    }
    return line == "QUIT" ? "221 Bye\r\n" : "250 2.0.0 Ok\r\n";
  }

  std::unique_ptr<support::MemoryStream> stream_;
  std::vector<Got>& got_;
  Got now_;
  std::string received_;
  bool in_content_ = false;
};

class RecordingDialer final : public Dialer {
 public:
  RecordingDialer(Loop& loop, runtime::TaskGroup& group, std::string upstream,
                  std::vector<Got>& got)
      : loop_(loop), group_(group), upstream_(std::move(upstream)), got_(got) {}
  Task<Result<std::unique_ptr<ByteStream>>> connect(TimePoint /*deadline*/) override {
    auto [ours, theirs] = support::MemoryStream::pair(loop_);
    group_.spawn(Recorder::serve(std::move(theirs), upstream_, got_));
    co_return std::move(ours);
  }
  Task<Result<std::unique_ptr<ByteStream>>> secure(std::unique_ptr<ByteStream> stream,
                                                   TimePoint /*deadline*/) override {
    co_return std::move(stream);
  }

 private:
  Loop& loop_;
  runtime::TaskGroup& group_;
  const std::string upstream_;
  std::vector<Got>& got_;
};

/// Users with groups, and the files of their passwords.
struct Tenant {
  std::string user;
  std::vector<std::string> groups;
};

class Crossing {
 public:
  explicit Crossing(std::uint32_t seed)
      : random_(seed),
        folder_(std::filesystem::temp_directory_path() /
                ("tenants-" + std::to_string(::getpid()) + "-" + std::to_string(seed))) {
    std::filesystem::create_directories(folder_);
    for (const char* group : {"g0", "g1", "g2"}) set_password(group, 0);
    for (int i = 0; i < 6; ++i) {
      tenants_.push_back({"u" + std::to_string(i), {"g" + std::to_string(random_() % 3)}});
      if (random_() % 2 == 0) tenants_.back().groups.push_back("extra");
    }
    config_->hostname = "gw.example";
    config_->upstreams = {templated("by-both", "{user}", (folder_ / "{group}").string()),
                          templated("by-group", "account-{group}", ""),
                          templated("for-all", "shared", "")};
    for (config::Upstream& each : config_->upstreams) each.max_connections = 1 + random_() % 3;
    for (std::size_t i = 0; i < random_() % 4; ++i) {
      config::Route route;
      if (random_() % 2 == 0) route.users = {"u" + std::to_string(random_() % 6)};
      if (random_() % 2 == 0) route.groups = {"g" + std::to_string(random_() % 3)};
      route.upstreams = random_targets();
      config_->routes.push_back(std::move(route));
    }
    config_->routes.push_back({.upstreams = random_targets()});
  }
  ~Crossing() { std::filesystem::remove_all(folder_); }

  void run() { loop_.run(deliver_all()); }

 private:
  std::vector<config::Target> random_targets() {
    std::vector<config::Target> targets;
    for (std::size_t i = 0; i < 3; ++i) {
      targets.push_back({.upstream = i, .priority = 1 + static_cast<std::uint32_t>(random_() % 2)});
    }
    std::ranges::sort(targets, {}, &config::Target::priority);
    return targets;
  }

  void set_password(const std::string& group, int version) {
    std::ofstream(folder_ / group) << "of-" << group << '-' << version << '\n';
  }

  Task<void> deliver_all() {
    runtime::TaskGroup servers(loop_);
    const Surroundings surroundings{
        loop_, logger_, metrics_, caps_,
        [this, &servers](Loop& loop, const config::Upstream& upstream,
                         const TlsFiles&) -> Result<std::unique_ptr<Dialer>> {
          return std::make_unique<RecordingDialer>(loop, servers, upstream.name, got_);
        }};
    auto relay = Relay::make(surroundings, config_);
    EXPECT_TRUE(relay) << relay.error().text;
    if (!relay) co_return;
    for (int round = 0; round < 4; ++round) {
      runtime::TaskGroup deliveries(loop_);
      for (int i = 0; i < 40; ++i) {
        deliveries.spawn(deliver(**relay, tenants_[random_() % tenants_.size()]));
      }
      (void)co_await deliveries.join();
      // Passwords change under way, and upstreams that were not used end.
      set_password("g" + std::to_string(random_() % 3), round + 1);
      runtime::Event never(loop_);
      (void)co_await never.wait(loop_.after(round == 2 ? 20min : 2min));
    }
    co_await (*relay)->drain(loop_.after(30s));
    (void)co_await servers.join();
    check();
  }

  Task<void> deliver(Relay& relay, const Tenant& tenant) {
    message::Envelope envelope;
    envelope.reverse_path.mailbox = smtp::Mailbox{tenant.user, "here.example"};
    envelope.recipients.push_back({smtp::Mailbox{"to", "there.example"}});
    message::Body body(budget_, storage_, 100);
    EXPECT_TRUE(
        body.append("Subject: x\r\n\r\n" + tenant.user + "/" + tenant.groups.front() + "\r\n"));
    const message::Message message{
        .id = "id", .envelope = std::move(envelope), .body = std::move(body), .message_id = {}};
    const Caller caller{.user = tenant.user, .groups = tenant.groups};
    const Delivery delivery = co_await relay.deliver(message, loop_.after(10min), caller);
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered) << delivery.reply.wire();
    ++sent_;
  }

  void check() const {
    EXPECT_EQ(got_.size(), sent_);
    for (const Got& got : got_) {
      const std::string whose =
          got.content.substr(got.content.rfind("\n", got.content.size() - 2) + 1);
      const std::string user = whose.substr(0, whose.find('/'));
      const std::string group = whose.substr(whose.find('/') + 1, 2);
      if (got.upstream == "by-both") {
        EXPECT_EQ(got.username, user);
        EXPECT_THAT(got.password, testing::StartsWith("of-" + group + "-"));
      } else if (got.upstream == "by-group") {
        EXPECT_EQ(got.username, "account-" + group);
        EXPECT_EQ(got.password, "secret");
      } else {
        EXPECT_EQ(got.username, "shared");
        EXPECT_EQ(got.password, "secret");
      }
    }
  }

  std::mt19937 random_;
  const std::filesystem::path folder_;
  std::vector<Tenant> tenants_;
  const std::shared_ptr<config::Config> config_ = std::make_shared<config::Config>();
  Loop loop_{runtime::Time::kVirtual};
  log::Logger logger_{{.least = log::Level::kError}};
  metrics::Registry metrics_{{}};
  message::Budget budget_{1u << 30};
  message::Storage storage_;
  ConnectionCaps caps_;
  std::vector<Got> got_;
  std::size_t sent_ = 0;
};

TEST(Tenants, CredentialsNeverCross) {
  for (std::uint32_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(seed);
    Crossing(seed).run();
  }
}

}  // namespace
}  // namespace sallyport::relay
