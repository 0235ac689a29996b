#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "exercise.h"

namespace sallyport::metrics {
namespace {

struct Documented {
  std::string type;
  std::set<std::string> labels;
  bool operator==(const Documented&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Documented& family) {
  out << family.type;
  for (const auto& label : family.labels) out << ' ' << label;
  return out;
}

// The rows of the tables: | `name` | type | `label`, `label` | ...
std::map<std::string, Documented> documented() {
  std::ifstream file(SALLYPORT_SOURCE_DIR "/docs/metrics.md");
  EXPECT_TRUE(file);
  const std::regex row(R"(\| `(sallyport_\w+)` \| (\w+) \| ([^|]*)\|.*)");
  const std::regex word("`(\\w+)`");
  std::map<std::string, Documented> families;
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    Documented family{match[2], {}};
    const std::string labels = match[3];
    for (std::sregex_iterator it(labels.begin(), labels.end(), word), end; it != end; ++it) {
      family.labels.insert((*it)[1]);
    }
    EXPECT_TRUE(families.emplace(match[1], family).second) << match[1] << " is there twice";
  }
  return families;
}

std::map<std::string, Documented> exposed() {
  std::istringstream page(exercised_registry()->expose());
  const std::regex type(R"(# TYPE (\w+) (\w+))");
  const std::regex sample(R"(\w+\{(.*)\} .*)");
  const std::regex label("(\\w+)=\"");
  std::map<std::string, Documented> families;
  std::string family;
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (std::regex_match(line, match, type)) {
      family = match[1];
      families[family].type = match[2];
    } else if (std::regex_match(line, match, sample)) {
      const std::string labels = match[1];
      for (std::sregex_iterator it(labels.begin(), labels.end(), label), end; it != end; ++it) {
        if ((*it)[1] != "le") families[family].labels.insert((*it)[1]);
      }
    }
  }
  return families;
}

TEST(Documentation, DescribesExactlyWhatIsExposed) { EXPECT_EQ(documented(), exposed()); }

TEST(Documentation, NamesEveryValueOfEveryFixedLabel) {
  std::ifstream file(SALLYPORT_SOURCE_DIR "/docs/metrics.md");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto expect_all = [&text](const auto& names) {
    for (const auto name : names) {
      EXPECT_THAT(text, ::testing::HasSubstr("`" + std::string(name) + "`"));
    }
  };
  expect_all(kTlsVersionNames);
  expect_all(kAuthResultNames);
  expect_all(kOutcomeNames);
  expect_all(kLimitNames);
  expect_all(kUpstreamOutcomeNames);
  expect_all(kCloseReasonNames);
  expect_all(kConnectFailureNames);
  expect_all(kPoolStateNames);
  expect_all(kReloadResultNames);
}

}  // namespace
}  // namespace sallyport::metrics
