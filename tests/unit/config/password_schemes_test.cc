#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "proxy/config/password_hash.h"

namespace sallyport::config {
namespace {

using enum PasswordScheme;

std::string bcrypt(std::string_view cost) {
  return "$2y$" + std::string(cost) + "$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
}

std::string sha512_crypt(std::string_view setting) {
  return std::string(setting) + '$' + std::string(86, 'x');
}

const std::string kKey = std::string(43, 'A') + '=';

TEST(PasswordSchemes, SayWhichTheyAreAndWhatTheyCost) {
  const struct {
    std::string text;
    PasswordScheme scheme;
    std::string cost;
  } cases[] = {
      {"$argon2id$v=19$m=8,t=1,p=1$c2FsbHlwb3J0LXNhbHQ$WmZlvrSoaR9/8vU6bo4PXA", kArgon2id,
       "$argon2id$v=19$m=8,t=1,p=1$"},
      {"{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$c2FsbHlwb3J0LXNhbHQ$WmZlvrSoaR9/8vU6bo4PXA", kArgon2id,
       "$argon2id$v=19$m=8,t=1,p=1$"},
      {bcrypt("10"), kCrypt, "$2y$10$"},
      {"{BLF-CRYPT}" + bcrypt("12"), kCrypt, "$2y$12$"},
      {sha512_crypt("$6$salt"), kCrypt, "$6$"},
      {"{SHA512-CRYPT}" + sha512_crypt("$6$rounds=5000$salt"), kCrypt, "$6$rounds=5000$"},
      {"{crypt}$5$salt$" + std::string(43, '.'), kCrypt, "$5$"},
      {"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$" + std::string(43, '/'), kCrypt, "$y$j9T$"},
      {"{SSHA512}50rsRNBf8j3I5xE+QwaHdFyMhOzITssZ8BB3UxwQ+SI1JKygYm6ZeRYTDuUyFZIIqDonoTuXwB0Z/"
       "MAPhgQCFHNhbHRzYWx0",
       kSaltedSha512, ""},
      {"{ssha}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA==", kSaltedSha1, ""},
      {"{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==," + kKey + ',' + kKey, kScramSha256, "4096"},
  };
  for (const auto& c : cases) {
    const auto hash = parse_password_hash(c.text);
    ASSERT_TRUE(hash) << c.text << ": " << hash.error().text;
    EXPECT_EQ(hash->scheme, c.scheme) << c.text;
    EXPECT_EQ(hash->text.substr(0, hash->cost_size), c.cost) << c.text;
    EXPECT_FALSE(hash->text.starts_with('{')) << c.text;
  }
}

TEST(PasswordSchemes, SayWhatIsWrongAndNeverQuoteIt) {
  const std::string unknown =
      "it is no hash that is known here ($argon2id$, $y$, $2y$, $6$, $5$, {SSHA512}, {SSHA256}, "
      "{SSHA} or {SCRAM-SHA-256})";
  const std::string scram = "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,";
  const std::pair<std::string, std::string> cases[] = {
      {"", unknown},
      {"hunter2", unknown},
      {"{hunter2", unknown},
      {"{FOO}hunter2", unknown},
      {"{ARGON2ID}hunter2", unknown},
      {"{PLAIN}hunter2",
       "it is a password in clear; make a hash of it with: sallyport hash-password"},
      {"{SHA}8843d7f92416211de9ebb963ff4ce28125932878",
       "it is a hash without a salt, or of MD5, which is cracked in no time"},
      {"{PLAIN-MD5}x", "it is a hash without a salt, or of MD5, which is cracked in no time"},
      {"$apr1$x$y", "it is an MD5 hash, which is cracked in no time; make one with: htpasswd -B"},
      {"$1$x$y", "it is an MD5 hash, which is cracked in no time; make one with: htpasswd -B"},
      {bcrypt("16"), "its bcrypt cost 16 is not from 4 to 15"},
      {bcrypt("03"), "its bcrypt cost 3 is not from 4 to 15"},
      {bcrypt("1x"), "its cost does not read $2y$NN$"},
      {"$2y$", "its cost does not read $2y$NN$"},
      {bcrypt("10") + "x", "its salt and hash are not the 53 characters that bcrypt has"},
      {sha512_crypt("$6$rounds=9999999$salt"), "its rounds=9999999 are not from 1000 to 5000000"},
      {sha512_crypt("$6$rounds=x$salt"), "its rounds do not read rounds=N$"},
      {sha512_crypt("$6$saltsaltsaltsalts"), "it is not a salt of up to 16 characters, $ and 86"},
      {"$5$salt$short", "it is not a salt of up to 16 characters, $ and 43"},
      {"$y$", "it does not read $y$PARAMETERS$SALT$HASH"},
      {"$y$j9T$salt$" + std::string(43, '!'), "it does not read $y$PARAMETERS$SALT$HASH"},
      {"$y$jzT$salt$" + std::string(43, '/'),
       "its yescrypt parameters are not usual ones, or would take gigabytes"},
      {"{SSHA}!", "its digest and salt are no base64"},
      {"{SSHA}AAAA", "it is not a digest of 20 octets and a salt of 4 to 64"},
      {"{SCRAM-SHA-256}x", "it does not read {SCRAM-SHA-256}ITERATIONS,SALT,STOREDKEY,SERVERKEY"},
      {"{SCRAM-SHA-256}1,AAAA", "its iterations 1 are not from 4096 to 4000000"},
      {"{SCRAM-SHA-256}4096,AAAA,x,y", "its salt and keys are not base64, with keys of 32 octets"},
      {scram + kKey, "it has no salt and two keys behind its iterations"},
      {scram + kKey + ',' + kKey + ",x", "something follows its keys"},
  };
  for (const auto& [text, error] : cases) {
    const auto hash = parse_password_hash(text);
    ASSERT_FALSE(hash) << text;
    EXPECT_EQ(hash.error().text, error) << text;
  }
}

}  // namespace
}  // namespace sallyport::config
