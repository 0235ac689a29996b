// Holds every #include of the tree against the table in docs/architecture.md.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = SALLYPORT_SOURCE_DIR;

/// A foreign library and what its include lines begin with.
const std::map<std::string, std::vector<std::string>> kForeign = {
    {"BoringSSL", {"openssl/"}},
    {"toml++", {"toml++/"}},
    {"prometheus-cpp", {"prometheus/"}},
    {"libuv", {"uv.h"}},
    {"c-ares", {"ares.h"}},
    {"argon2", {"argon2.h"}},
    {"CLI11", {"CLI/"}},
    {"fmt", {"fmt/"}},
    {"libgsasl", {"gsasl"}},
    {"libcurl", {"curl/"}},
    {"nlohmann-json", {"nlohmann/"}},
};

struct Room {
  std::set<std::string> may_include;
  std::string foreign;
};

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(trimmed(part));
  return parts;
}

/// The table as documented: room folder -> what it may use. Short names mean `proxy/NAME` or
/// `NAME`.
std::map<std::string, Room> documented_rooms() {
  std::map<std::string, Room> rooms;
  std::ifstream document(kRoot / "docs/architecture.md");
  bool in_table = false;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("| room |")) in_table = true;
    if (in_table && line.empty()) break;
    if (!in_table || line.starts_with("| room |") || line.starts_with("| ---")) continue;
    const auto cells = split(line, '|');  // the first is empty
    Room room;
    for (const auto& name : split(cells.at(2), ',')) {
      if (name == "–") continue;
      room.may_include.insert(fs::is_directory(kRoot / name) ? name : "proxy/" + name);
    }
    room.foreign = cells.at(3);
    rooms[cells.at(1)] = room;
  }
  return rooms;
}

/// The room a path from the root lies in: `proxy/NAME`, `auth` or `metrics`.
std::string room_of(const fs::path& path) {
  auto part = path.begin();
  if (part == path.end()) return "";
  const std::string first = *part++;
  if (first != "proxy") return first;
  return part == path.end() ? first : first + "/" + part->string();
}

class IncludeTable : public testing::Test {
 protected:
  /// Calls `check(file, room, included, is_quoted)` for each include line of our sources.
  template <class Check>
  void for_each_include(Check check) {
    static const std::regex include_line(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
    for (const char* top : {"proxy", "auth", "metrics"}) {
      for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
        const auto extension = entry.path().extension();
        if (extension != ".h" && extension != ".cc") continue;
        const fs::path file = fs::relative(entry.path(), kRoot);
        if (file == "proxy/main.cc") continue;  // the composition root sees everything
        std::ifstream source(entry.path());
        std::smatch match;
        for (std::string line; std::getline(source, line);) {
          if (std::regex_search(line, match, include_line)) {
            check(file, room_of(file), match[2].str(), match[1] == "\"");
          }
        }
      }
    }
  }
  const std::map<std::string, Room> rooms_ = documented_rooms();
};

TEST_F(IncludeTable, NamesEveryRoomThereIs) {
  std::set<std::string> there = {"auth", "metrics"};
  for (const auto& entry : fs::directory_iterator(kRoot / "proxy")) {
    if (entry.is_directory()) there.insert(fs::relative(entry.path(), kRoot));
  }
  std::set<std::string> documented;
  for (const auto& [name, room] : rooms_) documented.insert(name);
  EXPECT_EQ(documented, there);
}

TEST_F(IncludeTable, HoldsForEveryIncludeOfOurOwn) {
  std::size_t checked = 0;
  for_each_include([&](const fs::path& file, const std::string& room, const std::string& included,
                       bool is_quoted) {
    if (!is_quoted) return;
    ++checked;
    const std::string target = room_of(included);
    ASSERT_TRUE(rooms_.contains(room)) << file;
    EXPECT_TRUE(target == room || rooms_.at(room).may_include.contains(target))
        << file << " includes " << included << ", and " << room << " may not use " << target;
  });
  EXPECT_GT(checked, 50u);
}

TEST_F(IncludeTable, KeepsEachForeignLibraryInItsRoom) {
  for_each_include([&](const fs::path& file, const std::string& room, const std::string& included,
                       bool is_quoted) {
    if (is_quoted) return;
    for (const auto& [library, prefixes] : kForeign) {
      for (const auto& prefix : prefixes) {
        if (!included.starts_with(prefix)) continue;
        EXPECT_NE(rooms_.at(room).foreign.find(library), std::string::npos)
            << file << " includes <" << included << ">, and " << library << " is not for " << room;
        if (room == "proxy/base" && library == "BoringSSL") {
          EXPECT_TRUE(file.string().starts_with("proxy/base/crypto/")) << file;
        }
      }
    }
  });
}

TEST_F(IncludeTable, LetsNoTwoRoomsIncludeEachOther) {
  for (const auto& [name, room] : rooms_) {
    for (const auto& used : room.may_include) {
      ASSERT_TRUE(rooms_.contains(used)) << name << " names " << used;
      EXPECT_FALSE(rooms_.at(used).may_include.contains(name)) << name << " <-> " << used;
    }
  }
}

}  // namespace
