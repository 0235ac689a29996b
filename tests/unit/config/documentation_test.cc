// docs/configuration.md cannot rot: it has every key and no other, its defaults are the real ones,
// its examples are accepted; and the readers look at every key of the schema.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "proxy/config/schema.h"
#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

struct Row {
  std::string key;
  std::string default_value;
};

struct Chapter {
  std::vector<Row> rows;
  std::vector<std::string> examples;
};

/// The cells of `| a | b |`, without the blanks around them.
std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream rest(line.substr(1));
  for (std::string cell; std::getline(rest, cell, '|');) {
    cell.erase(0, std::min(cell.find_first_not_of(' '), cell.size()));
    cell.erase(cell.find_last_not_of(' ') + 1);
    cells.push_back(cell);
  }
  return cells;
}

std::string unquoted(const std::string& code) {
  return code.size() >= 2 && code.front() == '`' ? code.substr(1, code.size() - 2) : code;
}

/// The chapters of docs/configuration.md by their titles, without backticks and anchors.
std::map<std::string, Chapter> chapters() {
  const auto text = Outside::real().read_file(SALLYPORT_SOURCE_DIR "/docs/configuration.md");
  std::map<std::string, Chapter> chapters;
  std::istringstream lines(text.value());
  std::string title;
  bool in_example = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "```toml") {
      in_example = true;
      chapters[title].examples.emplace_back();
    } else if (line == "```") {
      in_example = false;
    } else if (in_example) {
      chapters[title].examples.back() += line + '\n';
    } else if (line.starts_with("## ")) {
      title = line.substr(3, line.find(" <a") - 3);
      std::erase(title, '`');
    } else if (line.starts_with("| `")) {
      const auto row = cells(line);
      chapters[title].rows.push_back({unquoted(row.at(0)), row.at(2)});
    }
  }
  return chapters;
}

/// Where the documentation has the keys of a section, and how it writes them.
struct Documented {
  std::string chapter;
  std::string prefix;
};

Documented documented(const Schema& section) {
  if (section.name == schema::kTop.name) return {"Top level", ""};
  if (section.name == schema::kUsersFile.name) return {"Users file", ""};
  if (section.name == schema::kUsersFileUser.name) return {"[[auth.user]]", ""};
  if (section.name == schema::kUserLimits.name) return {"[limits]", ""};
  for (const auto& [name, prefix] : {std::pair(schema::kProviderPorts.name, "ports."),
                                     std::pair(schema::kProviderCaps.name, "caps."),
                                     std::pair(schema::kProviderSender.name, "sender."),
                                     std::pair(schema::kProviderOAuth.name, "oauth."),
                                     std::pair(schema::kProviderReply.name, "reply.")}) {
    if (section.name == name) return {"[[provider]]", prefix};
  }
  if (section.name == schema::kPassword.name) return {"[[upstream]]", "password."};
  if (section.name == schema::kTarget.name) return {"[[route]]", "upstreams."};
  if (section.name == schema::kOAuth.name) return {"[[upstream]]", "oauth."};
  if (section.name == schema::kHeader.name) return {"[[listener]]", "header."};
  return {std::string(section.name), ""};
}

/// The keys that are tables with a chapter of their own.
bool has_chapter(const std::map<std::string, Chapter>& chapters, std::string_view key) {
  return chapters.contains(fmt::format("[{}]", key)) ||
         chapters.contains(fmt::format("[[{}]]", key)) ||
         chapters.contains(fmt::format("[auth.{}]", key)) ||
         chapters.contains(fmt::format("[[auth.{}]]", key)) ||
         chapters.contains(fmt::format("[[tls.{}]]", key));
}

TEST(Documentation, HasEveryKeyAndNoOther) {
  const auto all = chapters();
  std::map<std::string, std::vector<std::string>> expected;
  for (const Schema& section : schema::kAll) {
    const auto [chapter, prefix] = documented(section);
    ASSERT_TRUE(all.contains(chapter)) << chapter;
    for (const std::string_view key : section.keys) {
      const bool is_chapter =
          section.name != schema::kUsersFile.name &&
          (&section.keys.front() == schema::kTop.keys.data() ||
           section.name == schema::kAuth.name || section.name == schema::kTls.name) &&
          has_chapter(all, key);
      if (!is_chapter) expected[chapter].push_back(prefix + std::string(key));
    }
  }
  for (auto& [chapter, keys] : expected) {
    std::vector<std::string> written;
    for (const Row& row : all.at(chapter).rows) written.push_back(row.key);
    std::ranges::sort(keys);
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    EXPECT_THAT(written, testing::UnorderedElementsAreArray(keys)) << chapter;
  }
}

/// Every default that the documentation writes as a TOML value, as `key = value` lines.
std::string stated_defaults(const Chapter& chapter) {
  std::string text;
  for (const auto& [key, value] : chapter.rows) {
    const bool is_value = value.starts_with('`') && value.find('`', 1) == value.size() - 1;
    if (is_value) text += fmt::format("{} = {}\n", key, unquoted(value));
  }
  return text;
}

TEST(Documentation, StatesTheRealDefaults) {
  const auto all = chapters();
  const auto listener = fmt::format("[[listener]]\naddress = '127.0.0.1:2525'\ntls = 'none'\n{}",
                                    stated_defaults(all.at("[[listener]]")));
  const auto user = fmt::format("[[auth.user]]\nname = 'app'\npassword = '{}'\n", kHash);
  const auto upstream = fmt::format(
      "[[upstream]]\nname = 'out'\nprovider = 'smtp'\n"
      "host = 'smtp.example.com'\n{}",
      stated_defaults(all.at("[[upstream]]")));
  std::string stated = stated_defaults(all.at("Top level"));
  EXPECT_THAT(stated, testing::HasSubstr("workers = 0\ndrain_timeout = "));
  for (const std::string_view section :
       {"[auth]", "[limits]", "[session]", "[message]", "[log]", "[metrics]"}) {
    const std::string defaults = stated_defaults(all.at(std::string(section)));
    EXPECT_FALSE(defaults.empty()) << section;
    stated += fmt::format("{}\n{}", section, defaults);
  }
  EXPECT_EQ(accepted(stated + listener + user + upstream), accepted(""));
}

TEST(Documentation, HasExamplesThatAreAccepted) {
  FakeOutside outside = usual_outside();
  for (const std::string_view path :
       {"/etc/sallyport/tls/tls.crt", "/etc/sallyport/tls/tls.key", "/etc/sallyport/users.toml",
        "/etc/sallyport/htpasswd", "/etc/ssl/internal-ca.pem", "/etc/sallyport/devices-ca.pem",
        "/etc/sallyport/old/tls.crt", "/etc/sallyport/old/tls.key", "/etc/sallyport/relay.crt",
        "/etc/sallyport/relay.key", "/var/run/secrets/azure/tokens/azure-identity-token"}) {
    outside.files[std::string(path)] = "";
  }
  outside.files["/run/secrets/smarthost"] = "hunter2\n";
  int examples = 0;
  for (const auto& [title, chapter] : chapters()) {
    for (std::string example : chapter.examples) {
      ++examples;
      if (title == "Users file") {
        EXPECT_TRUE(parse_users(example, "users.toml", Limits())) << example;
        continue;
      }
      if (title == "[auth]") outside.files["users.toml"] = "";
      if (title == "[[listener]]" || title == "[[tls.pair]]") {
        example += "[tls]\ncertificate = 'tls.crt'\nkey = 'tls.key'\n";
      }
      if (title == "[auth.brute_force]") {
        example += "[[auth.user]]\nname = 'a'\npassword = '" + std::string(kHash) + "'\n";
      }
      if (title == "[[route]]") {
        for (const std::string_view name : {"ses", "mailgun"}) {
          example +=
              fmt::format("[[upstream]]\nname = '{}'\nprovider = 'capture'\npath = '/m'\n", name);
        }
      }
      EXPECT_THAT(problems_of(example, outside), testing::ElementsAre("accepted")) << example;
    }
  }
  EXPECT_GE(examples, 12);
}

/// A text in which `key` of a section has a value that no key takes.
std::string with_a_date(const Schema& section, std::string_view key) {
  std::string pair = fmt::format("{} = 1979-05-27", key);
  if (section.name == schema::kTop.name || section.name == schema::kUsersFile.name) return pair;
  if (section.name == schema::kUserLimits.name) {
    return fmt::format("[[auth.user]]\nlimits = {{ {} }}", pair);
  }
  if (section.name == schema::kPassword.name) {
    return fmt::format("[[upstream]]\nprovider = 'smtp'\npassword = {{ {} }}", pair);
  }
  if (section.name == schema::kTarget.name) {
    return fmt::format("[[route]]\nupstreams = [{{ {} }}]", pair);
  }
  if (section.name == schema::kOAuth.name) {
    return fmt::format("[[upstream]]\nprovider = 'smtp'\noauth = {{ {} }}", pair);
  }
  if (section.name == schema::kHeader.name) {
    return fmt::format("[[listener]]\n[listener.header]\n{}", pair);
  }
  if (section.name.contains("provider.")) {
    return fmt::format("[[provider]]\nname = 'own'\n{}\n{}", section.name, pair);
  }
  if (section.name == schema::kUpstream.name && key != "provider") {
    return fmt::format("[[upstream]]\nprovider = 'ses'\n{}", pair);
  }
  return fmt::format("{}\n{}", section.name, pair);
}

TEST(Schema, HasNoKeyThatNoReaderLooksAt) {
  const FakeOutside outside;
  for (const Schema& section : schema::kAll) {
    const bool is_users_file =
        section.name == schema::kUsersFile.name || section.name == schema::kUsersFileUser.name;
    for (const std::string_view key : section.keys) {
      const std::string text = with_a_date(section, key);
      std::vector<Problem> problems;
      if (is_users_file) {
        const auto users = parse_users(text, "u", Limits());
        if (!users) problems = users.error();
      } else {
        const auto config = parse(text, "c", outside.outside());
        if (!config) problems = config.error();
      }
      const auto column = text.rfind("1979") - (text.rfind('\n', text.rfind("1979")) + 1) + 1;
      const auto line = std::ranges::count(text, '\n') + 1;
      EXPECT_TRUE(std::ranges::any_of(problems, [&](const Problem& problem) {
        return std::cmp_equal(problem.line, line) && std::cmp_equal(problem.column, column) &&
               problem.what.contains(key) && !problem.what.contains("unknown key");
      })) << text;
    }
  }
}

}  // namespace
}  // namespace sallyport::config
