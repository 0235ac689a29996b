#include "proxy/config/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace sallyport::config {
namespace {

constexpr auto kKnown = std::to_array<std::string_view>(
    {"address", "tls", "username", "max_connections", "max_connection_age", "ca", "port"});
constexpr auto kShort = std::to_array<std::string_view>({"address", "tls", "a"});
constexpr auto kLetters = std::to_array<std::string_view>({"a", "b", "c"});

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
  EXPECT_EQ(nearest("adress", kKnown), "address");
  EXPECT_EQ(nearest("Address", kKnown), "address");
  EXPECT_EQ(nearest("user_name", kKnown), "username");
  EXPECT_EQ(nearest("max_conections", kKnown), "max_connections");
  EXPECT_EQ(nearest("max-connection-age", kKnown), "max_connection_age");
  EXPECT_EQ(nearest("prot", kKnown), "port");
}

TEST(Nearest, IsNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("certificate", kShort), std::nullopt);
  EXPECT_EQ(nearest("b", kShort), std::nullopt);
  EXPECT_EQ(nearest("", kShort), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'a'), kShort), std::nullopt);
  EXPECT_EQ(nearest("tls", {}), std::nullopt);
}

TEST(List, ReadsLikeASentence) {
  EXPECT_EQ(list(kLetters, '\'', "or"), "'a', 'b' or 'c'");
  EXPECT_EQ(list(std::span(kLetters).first(2), '"', "and"), "\"a\" and \"b\"");
  EXPECT_EQ(list(std::span(kLetters).first(1), '"', "and"), "\"a\"");
  EXPECT_EQ(list({}, '"', "and"), "");
}

}  // namespace
}  // namespace sallyport::config
