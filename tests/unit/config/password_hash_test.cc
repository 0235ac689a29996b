#include "proxy/config/password_hash.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kTail =
    "$c2FsbHlwb3J0LXNhbHQ$WmZlvrSoaR9/8vU6bo4PXCbqfxjwnV2vZVcFp6sKn1g";

std::string with_costs(std::string_view costs) {
  return "$argon2id$v=19$" + std::string(costs) + std::string(kTail);
}

TEST(PasswordHash, IsAnArgon2idPhcString) {
  const auto cost = parse_argon2id(kHash);
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->memory_kib, 19456u);
  EXPECT_EQ(cost->passes, 2u);
  EXPECT_EQ(cost->lanes, 1u);
}

TEST(PasswordHash, MayBeCheapOrDearWithinReason) {
  for (const std::string_view costs : {"m=8,t=1,p=1", "m=65536,t=3,p=4", "m=1048576,t=2,p=16"}) {
    EXPECT_TRUE(parse_argon2id(with_costs(costs))) << costs;
  }
}

TEST(PasswordHash, SaysWhatIsWrongAndNeverQuotesIt) {
  const struct {
    std::string text;
    std::string_view error;
  } cases[] = {
      {"", "it does not begin with $argon2id$"},
      {"hunter2", "it does not begin with $argon2id$"},
      {"$2y$10$abcdefghijklmnopqrstuv", "it does not begin with $argon2id$"},
      {"$argon2i$v=19$m=8,t=1,p=1" + std::string(kTail), "it does not begin with $argon2id$"},
      {"$argon2id$m=8,t=1,p=1" + std::string(kTail), "its version is not 19 (v=19)"},
      {"$argon2id$v=16$m=8,t=1,p=1" + std::string(kTail), "its version is not 19 (v=19)"},
      {with_costs("t=1,m=8,p=1"), "its costs do not read m=KIB,t=PASSES,p=LANES"},
      {with_costs("m=8,t=1"), "its costs do not read m=KIB,t=PASSES,p=LANES"},
      {with_costs("m=8,t=1,p=1,data=x"), "its costs do not read m=KIB,t=PASSES,p=LANES"},
      {with_costs("m=99999999999999999999,t=1,p=1"),
       "its costs do not read m=KIB,t=PASSES,p=LANES"},
      {with_costs("m=7,t=1,p=1"), "m=7 is not from 8 to 1048576"},
      {with_costs("m=8,t=1,p=2"), "m=8 is not from 16 to 1048576"},
      {with_costs("m=1048577,t=1,p=1"), "m=1048577 is not from 8 to 1048576"},
      {with_costs("m=8,t=0,p=1"), "t=0 is not from 1 to 64"},
      {with_costs("m=8,t=65,p=1"), "t=65 is not from 1 to 64"},
      {with_costs("m=8,t=1,p=0"), "p=0 is not from 1 to 16"},
      {with_costs("m=1048576,t=3,p=1"),
       "m=1048576 times t=3 is past 2097152: each login would take many seconds"},
      {"$argon2id$v=19$m=8,t=1,p=1$c2FsbHlwb3J0LXNhbHQ", "it has no salt and hash at its end"},
      {"$argon2id$v=19$m=8,t=1,p=1$c2Fs$WmZlvrSoaR9/8vU6bo4PXA",
       "its salt is not 8 to 64 octets in base64 without padding"},
      {"$argon2id$v=19$m=8,t=1,p=1$c2FsbHlwb3J0LXNhbHQ=$WmZlvrSoaR9/8vU6bo4PXA",
       "its salt is not 8 to 64 octets in base64 without padding"},
      {"$argon2id$v=19$m=8,t=1,p=1$c2FsbHlwb3J0LXNhbHQ$",
       "its hash is not 16 to 64 octets in base64 without padding"},
      {"$argon2id$v=19$m=8,t=1,p=1$c2FsbHlwb3J0LXNhbHQ$WmZlvrSoaR9/8vU6bo4PXA==",
       "its hash is not 16 to 64 octets in base64 without padding"},
      {"$argon2id$v=19$m=8,t=1,p=1$c2FsbHlwb3J0LXNhbHQ$WmZlvrSoaR9/8vU6bo4P…",
       "its hash is not 16 to 64 octets in base64 without padding"},
      {"$argon2id$v=19$m=8,t=1,p=1$c2FsbHlwb3J0LXNhbHQ$" + std::string(1000, 'A'),
       "its hash is not 16 to 64 octets in base64 without padding"},
  };
  for (const auto& c : cases) {
    const auto cost = parse_argon2id(c.text);
    ASSERT_FALSE(cost) << c.text;
    EXPECT_EQ(cost.error().text, c.error) << c.text;
  }
}

}  // namespace
}  // namespace sallyport::config
