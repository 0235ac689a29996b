// Holds docs/rfc.md against the tree: what it names exists, and what is named after an RFC is in
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = SALLYPORT_SOURCE_DIR;

/// One row of a table with files and what shows them.
struct Row {
  std::size_t line = 0;
  std::vector<std::string> files;
  std::vector<std::string> shown_by;
};

std::string text_of(const fs::path& file) {
  std::ifstream stream(kRoot / file);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// What stands in backticks.
std::vector<std::string> names_in(const std::string& cell) {
  static const std::regex quoted("`([^`]+)`");
  std::vector<std::string> names;
  for (std::sregex_iterator at(cell.begin(), cell.end(), quoted), end; at != end; ++at) {
    names.push_back((*at)[1]);
  }
  return names;
}

/// The rows of all tables whose columns are: section, rule, file, shown by.
std::vector<Row> rows() {
  std::vector<Row> rows;
  std::istringstream document(text_of("docs/rfc.md"));
  bool in_table = false;
  std::size_t number = 0;
  for (std::string line; std::getline(document, line);) {
    ++number;
    if (line.ends_with("| file | shown by |")) {
      in_table = true;
    } else if (!line.starts_with('|')) {
      in_table = false;
    } else if (in_table && !line.starts_with("| ---")) {
      std::vector<std::string> cells;
      std::istringstream columns(line);
      for (std::string cell; std::getline(columns, cell, '|');) cells.push_back(cell);
      if (cells.size() != 5) throw std::runtime_error("docs/rfc.md: not four columns: " + line);
      rows.push_back({number, names_in(cells[3]), names_in(cells[4])});
    }
  }
  return rows;
}

std::set<std::string> transcripts() {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(kRoot / "tests/transcripts")) {
    if (entry.path().extension() == ".smtp") names.insert(entry.path().stem());
  }
  return names;
}

/// Is `name` what `pattern` says, whose `*` stands for anything?
bool fits(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == pattern.npos) return name == pattern;
  const std::string_view end = pattern.substr(star + 1);
  return name.size() >= pattern.size() - 1 && name.starts_with(pattern.substr(0, star)) &&
         name.ends_with(end);
}

TEST(RfcTable, NamesOnlyWhatThereIs) {
  const auto all = transcripts();
  std::size_t checked = 0;
  for (const Row& row : rows()) {
    EXPECT_FALSE(row.files.empty()) << "docs/rfc.md:" << row.line << ": names no file";
    EXPECT_FALSE(row.shown_by.empty()) << "docs/rfc.md:" << row.line << ": nothing shows it";
    for (const std::string& file : row.files) {
      EXPECT_TRUE(fs::is_regular_file(kRoot / file)) << "docs/rfc.md:" << row.line << ": " << file;
    }
    for (const std::string& name : row.shown_by) {
      const bool there = name.contains('/')
                             ? fs::is_regular_file(kRoot / name)
                             : std::ranges::any_of(all, [&](const std::string& transcript) {
                                 return fits(name, transcript);
                               });
      EXPECT_TRUE(there) << "docs/rfc.md:" << row.line << ": " << name;
      ++checked;
    }
  }
  EXPECT_GT(checked, 60u);
}

TEST(RfcTable, HasEveryTranscriptThatIsNamedAfterAnRfc) {
  const auto all = rows();
  for (const std::string& transcript : transcripts()) {
    if (!transcript.starts_with("rfc")) continue;
    EXPECT_TRUE(std::ranges::any_of(all,
                                    [&](const Row& row) {
                                      return std::ranges::any_of(
                                          row.shown_by, [&](const std::string& name) {
                                            return !name.contains('/') && fits(name, transcript);
                                          });
                                    }))
        << "tests/transcripts/" << transcript << ".smtp stands in no row of docs/rfc.md";
  }
}

TEST(RfcTable, IsFoundByWhoReadsOnlyTheOtherPages) {
  EXPECT_TRUE(text_of("README.md").contains("docs/rfc.md"));
  EXPECT_TRUE(text_of("docs/architecture.md").contains("rfc.md"));
}

}  // namespace
