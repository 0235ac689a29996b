#include "auth/password_hash.h"

#include <gtest/gtest.h>

namespace sallyport::auth {
namespace {

// The least that argon2 knows: these tests are about the format, not the strength.
constexpr HashCost kCheap = {.memory_kib = 8, .passes = 1, .lanes = 1};

TEST(PasswordHash, IsAPhcStringOfTheRecommendedCost) {
  const auto hash = hash_password(Secret("correct horse"));
  ASSERT_TRUE(hash);
  EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << *hash;
  EXPECT_TRUE(config::parse_argon2id(*hash));
}

TEST(PasswordHash, ProvesItsOwnPasswordAndNoOther) {
  const std::string hash = hash_password(Secret("pässwörd €"), kCheap).value();
  EXPECT_EQ(verify_password(hash, Secret("pässwörd €")), true);
  for (const char* other : {"pässwörd", "pässwörd € ", "PÄSSWÖRD €", ""}) {
    EXPECT_EQ(verify_password(hash, Secret(other)), false) << other;
  }
}

TEST(PasswordHash, IsSaltedAnewEachTime) {
  EXPECT_NE(hash_password(Secret("same"), kCheap), hash_password(Secret("same"), kCheap));
}

// From the test suite of the reference implementation (phc-winner-argon2, src/test.c).
TEST(PasswordHash, ReadsHashesMadeElsewhere) {
  const std::string hash =
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
  EXPECT_EQ(verify_password(hash, Secret("password")), true);
  EXPECT_EQ(verify_password(hash, Secret("Password")), false);
}

TEST(PasswordHash, SaysWhyItCannotBeMade) {
  EXPECT_EQ(hash_password(Secret(), kCheap).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(hash_password(Secret("x"), {.memory_kib = 1, .passes = 1, .lanes = 1}).error().code,
            ErrorCode::kInvalid);
}

TEST(PasswordHash, WhatIsNoHashIsAnErrorNotAWrongPassword) {
  for (const char* text :
       {"", "secret", "$2y$10$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=8,t=1,p=1$"}) {
    const auto verified = verify_password(text, Secret("secret"));
    ASSERT_FALSE(verified) << text;
    EXPECT_EQ(verified.error().code, ErrorCode::kInvalid);
  }
}

TEST(DecoyHash, CostsWhatItSaysAndMatchesNothing) {
  const std::string decoy = decoy_hash({.memory_kib = 64, .passes = 3, .lanes = 2});
  const auto cost = config::parse_argon2id(decoy);
  ASSERT_TRUE(cost) << decoy;
  EXPECT_EQ(cost->memory_kib, 64u);
  EXPECT_EQ(cost->passes, 3u);
  EXPECT_EQ(cost->lanes, 2u);
  EXPECT_EQ(verify_password(decoy, Secret("secret")), false);
  EXPECT_NE(decoy, decoy_hash({.memory_kib = 64, .passes = 3, .lanes = 2}));
}

TEST(DecoyHash, IsAsLongAsARealOne) {
  EXPECT_EQ(decoy_hash(kDefaultHashCost).size(), hash_password(Secret("x")).value().size());
}

}  // namespace
}  // namespace sallyport::auth
