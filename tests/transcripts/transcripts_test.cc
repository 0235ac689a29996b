// Every *.smtp file beside this one is three test cases.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/transcripts/player.h"
#include "tests/transcripts/script.h"

namespace sallyport::transcripts {
namespace {

struct Case {
  std::string file;
  Cut cut = Cut::kAsWritten;
};

std::ostream& operator<<(std::ostream& out, const Case& which) { return out << which.file; }

std::vector<Case> all_cases() {
  std::set<std::string> files;
  const std::filesystem::path folder = SALLYPORT_SOURCE_DIR "/tests/transcripts";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".smtp") files.insert(entry.path().string());
  }
  std::vector<Case> cases;
  for (const std::string& file : files) {
    for (const Cut cut : {Cut::kAsWritten, Cut::kByteByByte, Cut::kOneSegment}) {
      cases.push_back({file, cut});
    }
  }
  return cases;
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  std::string name = std::filesystem::path(info.param.file).stem().string();
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  switch (info.param.cut) {
    case Cut::kAsWritten:
      return name + "__as_written";
    case Cut::kByteByByte:
      return name + "__byte_by_byte";
    case Cut::kOneSegment:
      return name + "__one_segment";
  }
  return name;
}

class Transcript : public testing::TestWithParam<Case> {};

TEST_P(Transcript, GoesAsWritten) {
  const auto script = read_script(GetParam().file);
  ASSERT_TRUE(script) << script.error().text;
  if (GetParam().cut == Cut::kByteByByte && script->is_about_segments()) {
    GTEST_SKIP() << "about what arrives together";
  }
  const auto difference = play(*script, GetParam().cut);
  if (difference) ADD_FAILURE() << *difference;
}

INSTANTIATE_TEST_SUITE_P(Files, Transcript, testing::ValuesIn(all_cases()), name_of);

}  // namespace
}  // namespace sallyport::transcripts
