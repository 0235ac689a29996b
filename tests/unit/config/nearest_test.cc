#include "proxy/config/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace sallyport::config {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("adress", "address"), 1u);
  EXPECT_EQ(edit_distance("provdier", "provider"), 1u);
  EXPECT_EQ(edit_distance("lisetnr", "listener"), 2u);
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);  // no place is touched twice
  EXPECT_EQ(edit_distance("tls", "key"), 3u);
}

TEST(Nearest, IsTheNameThatWasMeant) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"address", "tls", "username", "max_connections", "max_connection_age", "ca", "port"});
  EXPECT_EQ(nearest("adress", kNames), "address");
  EXPECT_EQ(nearest("Address", kNames), "address");
  EXPECT_EQ(nearest("user_name", kNames), "username");
  EXPECT_EQ(nearest("max_conections", kNames), "max_connections");
  EXPECT_EQ(nearest("max-connection-age", kNames), "max_connection_age");
  EXPECT_EQ(nearest("prot", kNames), "port");
}

TEST(Nearest, IsNothingWhenNothingIsNear) {
  constexpr auto kNames = std::to_array<std::string_view>({"address", "tls", "a"});
  EXPECT_EQ(nearest("certificate", kNames), std::nullopt);
  EXPECT_EQ(nearest("b", kNames), std::nullopt);
  EXPECT_EQ(nearest("", kNames), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'a'), kNames), std::nullopt);
  EXPECT_EQ(nearest("tls", {}), std::nullopt);
}

TEST(List, ReadsLikeASentence) {
  constexpr auto kNames = std::to_array<std::string_view>({"a", "b", "c"});
  EXPECT_EQ(list(kNames, '\'', "or"), "'a', 'b' or 'c'");
  EXPECT_EQ(list(std::span(kNames).first(2), '"', "and"), "\"a\" and \"b\"");
  EXPECT_EQ(list(std::span(kNames).first(1), '"', "and"), "\"a\"");
  EXPECT_EQ(list({}, '"', "and"), "");
}

}  // namespace
}  // namespace sallyport::config
