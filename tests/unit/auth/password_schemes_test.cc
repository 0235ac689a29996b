#include <gtest/gtest.h>

#include <string>

#include "auth/password_hash.h"

namespace sallyport::auth {
namespace {

struct Known {
  std::string hash;
  std::string password;
};

const Known kKnown[] = {
    // From the specification of SHA-crypt (Drepper, 2007) and the tests of crypt_blowfish.
    {"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"},
    {"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYE"
     "dFCoEOfaS35inz1",
     "Hello world!"},
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    // Made with libcrypt's crypt and with hashlib.
    {"{BLF-CRYPT}$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "correct horse"},
    {"{SHA512-CRYPT}$6$rounds=1000$salt$Op5Pr8IefYjtJFNiLT8d.Xb85v8VtEyyKosvqEUXP9/"
     ".f4IC5kMbKoUZwss1ymncWvUZB6QVTmIH88IN1Uc5C.",
     "correct horse"},
    {"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79", "correct horse"},
    {"{SSHA}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA==", "correct horse"},
    {"{SSHA256}YflVcOMs6k7tbGkQbQNVn6/ehAnUAVltiLPKHBWGi2tzYWx0c2FsdA==", "correct horse"},
    {"{SSHA512}50rsRNBf8j3I5xE+QwaHdFyMhOzITssZ8BB3UxwQ+SI1JKygYm6ZeRYTDuUyFZIIqDonoTuXwB0Z/"
     "MAPhgQCFHNhbHRzYWx0",
     "correct horse"},
    // The salt and password of RFC 7677 section 3: its server signature follows from these keys.
    {"{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
     "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
     "pencil"},
};

TEST(PasswordSchemes, ProveTheirPasswordAndNoOther) {
  for (const auto& [hash, password] : kKnown) {
    EXPECT_EQ(verify_password(hash, Secret(password)), true) << hash;
    for (const std::string& other : {password + 'x', password.substr(1), std::string()}) {
      EXPECT_EQ(verify_password(hash, Secret(other)), false) << hash << " " << other;
    }
  }
}

TEST(PasswordSchemes, ADecoyIsOfTheSameSchemeAndCostAndMatchesNothing) {
  for (const auto& [hash, password] : kKnown) {
    const auto like = config::parse_password_hash(hash);
    ASSERT_TRUE(like) << hash;
    const std::string decoy = decoy_hash(*like);
    EXPECT_NE(decoy, hash);
    const auto read = config::parse_password_hash(decoy);
    ASSERT_TRUE(read) << decoy << ": " << read.error().text;
    EXPECT_EQ(read->scheme, like->scheme) << hash;
    EXPECT_EQ(read->text.substr(0, read->cost_size), like->text.substr(0, like->cost_size)) << hash;
    EXPECT_EQ(verify_password(decoy, Secret(password)), false) << decoy;
  }
}

}  // namespace
}  // namespace sallyport::auth
