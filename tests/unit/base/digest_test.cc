#include "proxy/base/crypto/digest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace sallyport::crypto {
namespace {

std::string hex(const Sha256Digest& digest) { return fmt::format("{:02x}", fmt::join(digest, "")); }

TEST(Digest, Sha256AgreesWithFips180) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, HmacAgreesWithRfc4231Case2) {
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digest, ConstantTimeEqualityIsEquality) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secreT"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secret1"));
}

TEST(Digest, RandomValuesDiffer) { EXPECT_NE(random_u64(), random_u64()); }

}  // namespace
}  // namespace sallyport::crypto
