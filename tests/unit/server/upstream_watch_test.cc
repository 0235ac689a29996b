// What the operator hears of upstreams, and of the logins of tenants, that are in trouble.
#include "proxy/server/upstream_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/relay/health.h"

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr TimePoint kStart{1h};

struct World {
  World() {
    config.upstreams.resize(2);
    config.upstreams[0].name = "ses";
    config.upstreams[1].name = "tenants";
    config.upstreams[1].username = "{user}";
    for (const auto& upstream : config.upstreams) caps.push_back(all.of(upstream));
  }

  /// The login of one tenant of the second upstream.
  relay::Health& tenant(const std::string& name) {
    config::Upstream own = config.upstreams[1];
    own.username = name;
    caps.push_back(all.of(own, name));
    return caps.back()->health;
  }

  config::Config config;
  relay::ConnectionCaps all;
  std::vector<std::shared_ptr<relay::ConnectionCap>> caps;
};

/// A log in memory.
struct Log {
  ~Log() { ::close(descriptor); }

  /// To be called once, at the end.
  std::vector<std::string> lines() {
    logger.close(10s);
    ::lseek(descriptor, 0, SEEK_SET);
    std::string text(64 << 10, '\0');
    const auto size = ::read(descriptor, text.data(), text.size());
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }

  int descriptor = ::memfd_create("log", MFD_CLOEXEC);
  log::Logger logger{{.descriptor = descriptor}};
};

TEST(UpstreamWatch, NamesTenantsWhoseLoginsAreRefused) {
  World world;
  EXPECT_EQ(troubles(world.config, world.all, kStart), "");
  world.caps[0]->health.failed(relay::Health::Trouble::kUnreachable, kStart, "refused");
  world.tenant("alice");
  world.tenant("bob").failed(relay::Health::Trouble::kLogin, kStart, "535 no");
  EXPECT_EQ(troubles(world.config, world.all, kStart + 12s),
            "upstream ses: network for 12 s: refused\n"
            "upstream tenants as bob: login for 12 s: 535 no\n");
}

TEST(UpstreamWatch, OfManyTenantsTheFirstTwenty) {
  World world;
  for (int i = 0; i < 30; ++i) {
    world.tenant("t" + std::to_string(i)).failed(relay::Health::Trouble::kLogin, kStart, "535 no");
  }
  const std::string text = troubles(world.config, world.all, kStart);
  EXPECT_EQ(std::ranges::count(text, '\n'), 20);
}

TEST(UpstreamWatch, TellsOfATenantEachMinuteUntilItIsMended) {
  World world;
  relay::Health& bob = world.tenant("bob");
  bob.failed(relay::Health::Trouble::kLogin, kStart, "535 no");
  Log log;
  UpstreamWatch watch;
  for (Duration passed = 0s; passed <= 121s; passed += 1s) {
    watch.look(world.config, world.all, kStart + passed, log.logger);
  }
  bob.succeeded(kStart + 122s);
  watch.look(world.config, world.all, kStart + 300s, log.logger);
  EXPECT_THAT(log.lines(), ElementsAre(HasSubstr("upstream=\"tenants as bob\" trouble=login"),
                                       HasSubstr("since=120")));
}

}  // namespace
}  // namespace sallyport::server
