#include "proxy/base/local_part.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace sallyport {
namespace {

TEST(LocalPart, StandsForItsContent) {
  const std::pair<const char*, const char*> cases[] = {
      {"jane", "jane"},       {"\"jane\"", "jane"},
      {"\"j\\ane\"", "jane"}, {"\"a\\\"b\"", "a\"b"},
      {"\"\"", ""},           {"", ""},
      {"\"a b\"", "a b"},     {"first..last", "first..last"},
      {"\"a\\\\b\"", "a\\b"},
  };
  for (const auto& [local, content] : cases) EXPECT_EQ(unquoted_local_part(local), content);
}

TEST(LocalPart, IsQuotedOnlyWhereItMustBe) {
  const std::pair<const char*, const char*> cases[] = {
      {"jane", "jane"},
      {"jane.q+tag", "jane.q+tag"},
      {"j\xc3\xbcrgen", "j\xc3\xbcrgen"},
      {"!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~"},
      {"", "\"\""},
      {".jane", "\".jane\""},
      {"jane.", "\"jane.\""},
      {"ja..ne", "\"ja..ne\""},
      {"a b", "\"a b\""},
      {"a@b", "\"a@b\""},
      {"a\"b\\", "\"a\\\"b\\\\\""},
  };
  for (const auto& [content, local] : cases) {
    EXPECT_EQ(normal_local_part(content), local);
    EXPECT_EQ(unquoted_local_part(local), content);
  }
}

}  // namespace
}  // namespace sallyport
