#include "proxy/server/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace sallyport::server {
namespace {

config::Config config_with(std::uint32_t clients, std::uint32_t upstream_connections) {
  config::Config config;
  config.session.max_connections = clients;
  config.message.budget = 100u << 20;
  config.message.memory_threshold = 1u << 20;  // 100 files at most
  config.upstreams.resize(2);
  config.upstreams[0].max_connections = upstream_connections;
  config.upstreams[1].provider = config::built_in_provider("capture");
  config.upstreams[1].max_connections = 1'000'000;
  return config;
}

TEST(DescriptorPlan, LetsAllInWhereThereIsRoom) {
  const auto plan = plan_descriptors(config_with(1000, 50), 1250, 100);
  EXPECT_EQ(plan, (DescriptorPlan{.wanted = 1250, .clients = 1000}));
}

TEST(DescriptorPlan, ClientsGiveWay) {
  const auto plan = plan_descriptors(config_with(1000, 50), 1249, 100);
  EXPECT_EQ(plan, (DescriptorPlan{.wanted = 1250, .clients = 999}));
}

TEST(DescriptorPlan, WhoIsLetInIsServed) {
  for (const std::uint64_t limit : {64u, 100u, 256u, 500u, 1024u}) {
    const std::uint64_t own = 30;
    const auto plan = plan_descriptors(config_with(10'000, 50), limit, own);
    EXPECT_GE(plan.clients, 8u) << limit;
    const std::uint64_t files = std::min<std::uint64_t>(plan.clients, 100);
    const std::uint64_t upstream = std::min<std::uint64_t>(plan.clients, 50);
    EXPECT_LE(own + plan.clients + files + upstream, limit + 1) << limit;
  }
}

TEST(DescriptorPlan, LetsInOneWhateverTheLimit) {
  EXPECT_EQ(plan_descriptors(config_with(10, 50), 8, 30).clients, 1u);
}

TEST(Process, CountsItsDescriptors) {
  const auto before = descriptors_open();
  const int one = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(descriptors_open(), before + 1);
  ::close(one);
}

}  // namespace
}  // namespace sallyport::server
