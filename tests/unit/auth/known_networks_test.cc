#include "auth/known_networks.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "auth/network_path.h"
#include "proxy/base/ip_address.h"

namespace sallyport::auth {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNoon{1000h};

NetworkPath path(const char* address) { return path_of(IpAddress::parse(address).value()); }

TEST(NetworkPath, HasThreeWidths) {
  const struct {
    const char* one;
    const char* other;
    bool same_widest, same_middle, same_narrowest;
  } cases[] = {
      {"192.0.2.1", "192.0.2.1", true, true, true},
      {"192.0.2.1", "::ffff:192.0.2.1", true, true, true},
      {"192.0.2.1", "192.0.2.2", true, false, false},
      {"192.0.2.1", "192.0.3.1", false, false, false},
      {"2001:db8:1:100::1", "2001:db8:1:100:ffff::2", true, true, true},
      {"2001:db8:1:100::1", "2001:db8:1:1ff::1", true, true, false},
      {"2001:db8:1:100::1", "2001:db8:1:200::1", true, false, false},
      {"2001:db8:1:100::1", "2001:db8:2:100::1", false, false, false},
  };
  for (const auto& c : cases) {
    const NetworkPath one = path(c.one);
    const NetworkPath other = path(c.other);
    EXPECT_EQ(one[0] == other[0], c.same_widest) << c.one << ' ' << c.other;
    EXPECT_EQ(one[1] == other[1], c.same_middle) << c.one << ' ' << c.other;
    EXPECT_EQ(one[2] == other[2], c.same_narrowest) << c.one << ' ' << c.other;
  }
}

TEST(KnownNetworks, KnowsWhereALoginSucceededAndWhatIsNearby) {
  KnownNetworks known({});
  EXPECT_EQ(known.standing(path("192.0.2.1"), kNoon), Standing::kStranger);
  known.remember(path("192.0.2.1"), kNoon);
  known.remember(path("2001:db8:1:100::1"), kNoon);
  EXPECT_EQ(known.standing(path("192.0.2.1"), kNoon), Standing::kKnown);
  EXPECT_EQ(known.standing(path("192.0.2.9"), kNoon), Standing::kNearby);
  EXPECT_EQ(known.standing(path("192.0.3.1"), kNoon), Standing::kStranger);
  EXPECT_EQ(known.standing(path("2001:db8:1:100::77"), kNoon), Standing::kKnown);
  EXPECT_EQ(known.standing(path("2001:db8:1:999::1"), kNoon), Standing::kNearby);
  EXPECT_EQ(known.standing(path("2001:db8:2:100::1"), kNoon), Standing::kStranger);
}

TEST(KnownNetworks, ForgetsAfterAWhileWithoutALogin) {
  KnownNetworks known({.most = 10, .lifetime = 1h});
  known.remember(path("192.0.2.1"), kNoon);
  known.remember(path("192.0.2.1"), kNoon + 40min);
  EXPECT_EQ(known.standing(path("192.0.2.1"), kNoon + 99min), Standing::kKnown);
  EXPECT_EQ(known.standing(path("192.0.2.1"), kNoon + 100min), Standing::kStranger);
}

TEST(KnownNetworks, AreBoundedAndForgetTheOldestFirst) {
  KnownNetworks known({.most = 3, .lifetime = 1h});
  for (int i = 1; i <= 3; ++i) {
    known.remember(path(("10.0." + std::to_string(i) + ".1").c_str()), kNoon);
  }
  known.remember(path("10.0.1.1"), kNoon + 1min);
  known.remember(path("10.0.4.1"), kNoon + 2min);
  EXPECT_EQ(known.standing(path("10.0.2.1"), kNoon + 2min), Standing::kStranger);
  for (const char* address : {"10.0.1.1", "10.0.3.1", "10.0.4.1"}) {
    EXPECT_EQ(known.standing(path(address), kNoon + 2min), Standing::kKnown) << address;
  }
}

}  // namespace
}  // namespace sallyport::auth
