#include "proxy/base/wildcard.h"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Wildcard, StarsStandForAnyOctets) {
  const struct {
    std::string_view pattern;
    std::string_view text;
    bool matches;
  } cases[] = {
      {"", "", true},           {"", "a", false},          {"*", "", true},
      {"*", "anything", true},  {"bulk", "Bulk", true},    {"bulk", "bulky", false},
      {"bulk*", "bulky", true}, {"*bulk", "a bulk", true}, {"a*c", "abbc", true},
      {"a*c", "abcd", false},   {"a*b*c", "axbxbc", true}, {"a*b*c", "acb", false},
      {"**a", "a", true},       {"a**", "a", true},        {"*aab", "aaaab", true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(matches_wildcard(c.pattern, c.text), c.matches) << c.pattern << " " << c.text;
  }
}

}  // namespace
}  // namespace sallyport
