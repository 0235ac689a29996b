// Holds docs/logging.md against the sources: every event, field and word that can be in the log is
// described, and nothing else is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "metrics/metrics.h"
#include "proxy/base/log.h"

namespace {

namespace fs = std::filesystem;
using Words = std::set<std::string>;

const fs::path kRoot = SALLYPORT_SOURCE_DIR;

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// All sources of the program in one text.
std::string sources() {
  std::string all;
  for (const char* top : {"proxy", "auth", "metrics"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      if (entry.path().extension() == ".cc" || entry.path().extension() == ".h") {
        all += text_of(entry.path());
      }
    }
  }
  return all;
}

/// What the groups of `pattern` match in `text`.
Words words(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  Words words;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
    for (std::size_t group = 1; group < at->size(); ++group) {
      if ((*at)[group].matched) words.insert((*at)[group]);
    }
  }
  return words;
}

const std::string& document() {
  static const std::string text = text_of(kRoot / "docs/logging.md");
  return text;
}

TEST(LoggingDocument, DescribesEveryEvent) {
  // The name of an event stands behind its level, or several do and one is chosen.
  const std::string all = sources();
  const std::regex calls(R"rx((?:Level::k\w+|\blevel),((?:(?:(?!\.field)[^;{"])*"\w+")+))rx");
  Words written;
  for (std::sregex_iterator at(all.begin(), all.end(), calls), end; at != end; ++at) {
    written.merge(words((*at)[1], R"rx("(\w+)")rx"));
  }
  EXPECT_EQ(written, words(document(), "\n### `(\\w+)`"));
}

TEST(LoggingDocument, DescribesEveryField) {
  const std::string all = sources();
  Words written = words(all, R"rx([.>]\s*field\("(\w+)")rx");
  // The calls that name event and fields in one go.
  const std::regex calls(R"rx(logger_?\.write\([^;]*;)rx");
  for (std::sregex_iterator at(all.begin(), all.end(), calls), end; at != end; ++at) {
    written.merge(words(at->str(), R"rx(\{"(\w+)",)rx"));
  }
  for (const std::string_view kind : sallyport::log::kKindNames) written.emplace(kind);
  written.insert({"time", "level", "event", "cut"});
  for (const std::string& field : written) {
    EXPECT_THAT(document(), ::testing::HasSubstr("`" + field + "`"));
  }
  // The first column of the tables; those of the causes list words.
  std::string tables =
      std::regex_replace(document(), std::regex(R"(\| `cause` \| meaning \|\n(\|.*\n)*)"), "");
  for (const std::string& row : words(tables, R"rx(\n\| ((?:`\w+`(?:, )?)+)[^|]*\|)rx")) {
    for (const std::string& field : words(row, "`(\\w+)`")) {
      const bool numbered = field == "attempt1" || field == "attempt2";
      EXPECT_TRUE(numbered || written.contains(field)) << field << " is in no line";
    }
  }
}

TEST(LoggingDocument, DescribesEveryCause) {
  Words causes = words(text_of(kRoot / "proxy/relay/cause.h"), R"rx(string_view k\w+ = "(\w+)")rx");
  EXPECT_GT(causes.size(), 20u);
  for (const auto name : sallyport::metrics::kUnfitNames) causes.emplace(name);
  const std::regex table(R"(\| `cause` \| meaning \|\n((\|.*\n)*))");
  std::smatch match;
  ASSERT_TRUE(std::regex_search(document(), match, table));
  Words described;
  for (const std::string& row : words(match[1], R"rx(\| ((?:`\w+`(?:, )?)+) \|)rx")) {
    described.merge(words(row, "`(\\w+)`"));
  }
  EXPECT_EQ(causes, described);
  for (const std::string& cause :
       words(text_of(kRoot / "proxy/submission/refusal_log.h"), R"rx(\n    "(\w+)"|, "(\w+)")rx")) {
    EXPECT_THAT(document(), ::testing::HasSubstr("`" + cause + "`"));
  }
}

}  // namespace
