// The sections about users: who may log in, and how much each may send.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/config/forms.h"
#include "proxy/config/passwd_file.h"
#include "proxy/config/password_hash.h"
#include "proxy/config/rights.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

constexpr std::size_t kLongestUserName = 255;

Form<std::string> user_name_form() {
  Form<std::string> form =
      text_form(fmt::format("the name the user logs in with, of 1 to {} octets", kLongestUserName));
  form.read = [read = form.read](const Node& node) -> std::expected<std::string, std::string> {
    auto name = read(node);
    if (name && name->size() > kLongestUserName) return std::unexpected("it is too long");
    return name;
  };
  return form;
}

/// The hash is treated as a secret, and what stands in its place may well be a password.
Form<std::string> password_hash_form() {
  return {.expected = "a hash made by: sallyport hash-password",
          .read = [](const Node& node) -> std::expected<std::string, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (!text) return std::unexpected("");
            if (const auto cost = parse_password_hash(*text); !cost) {
              return std::unexpected(cost.error().text);
            }
            return *text;
          },
          .secret = true};
}

void read_brute_force(const Section& section, BruteForce& brute_force) {
  const auto failures = integer_form<std::uint32_t>(0, 1'000'000);
  section.read("network_failures", brute_force.network_failures, failures);
  section.read("account_failures", brute_force.account_failures, failures);
  const auto span = duration_form(std::chrono::seconds(1), std::chrono::days(7));
  section.read("window", brute_force.window, span);
  section.read("block", brute_force.block, span);
  section.read("max_delay", brute_force.max_delay,
               duration_form(milliseconds(0), std::chrono::minutes(1)));
}

Limits read_own_limits(const Section& section, const Limits& defaults) {
  const auto limits = section.table("limits", schema::kUserLimits);
  return limits ? read_limits(*limits, defaults) : defaults;
}

/// The groups of a user, each once.
std::vector<std::string> read_groups(const Section& section) {
  std::vector<Element<std::string>> read;
  section.read_list("groups", read, text_form("the name of a group"));
  std::vector<std::string> groups;
  for (auto& [name, place, path] : read) {
    if (std::ranges::find(groups, name) != groups.end()) {
      section.problems().add(
          place, fmt::format("{} is {} again; expected each group once", path, quote(name)));
    }
    groups.push_back(std::move(name));
  }
  return groups;
}

UserRule read_rule(const Section& section, const Limits& defaults) {
  UserRule rule;
  section.read("match", rule.match, text_form("a user name, in which * stands for anything"));
  for (const std::string_view key : {"name", "password"}) {
    if (section.has(key)) {
      section.blame(key,
                    "goes with no match; expected either a user, with name and password, or "
                    "rights for users that come from a source, with match");
    }
  }
  section.read_values("senders", rule.senders, pattern_form(), true);
  rule.limits = read_own_limits(section, defaults);
  rule.groups = read_groups(section);
  rule.labels = read_labels(section);
  return rule;
}

UserRule read_group(const Section& section, const Limits& defaults, Names& names) {
  UserRule rule;
  if (section.require("name", rule.match,
                      text_form("the name of a group, in which * stands for "
                                "anything"))) {
    names.take(section, "name", rule.match);
  }
  section.read_values("senders", rule.senders, pattern_form(), true);
  rule.limits = read_own_limits(section, defaults);
  rule.groups = read_groups(section);
  rule.labels = read_labels(section);
  return rule;
}

/// The text of a file that `section`'s `key` names; nullopt if it can't be read, which is said.
std::optional<std::string> read_named_file(const Section& section, std::string_view key,
                                           const Outside& outside, const std::string& path,
                                           const std::string& expected) {
  Result<std::string> text = outside.read_file(path);
  if (text) return *std::move(text);
  section.blame(key, fmt::format("is {}, which cannot be read: {}; expected {}", quote(path),
                                 text.error().text, expected));
  return std::nullopt;
}

/// Of the keys of a source a file of passwords has three.
void blame_keys_of_others(const Section& section, bool has_type) {
  for (const std::string_view key : schema::kAuthSource.keys) {
    if (key == "type" || key == "path" || key == "format" || !section.has(key)) continue;
    section.blame(key, has_type ? "means nothing with type = \"passwd\"; expected no such key"
                                : "means nothing without a type; expected one that has it");
  }
}

void read_source(const Section& section, const Outside& outside, Names& names, Names& source_names,
                 Config& config) {
  PasswdFile source;
  std::optional<SourceKind> asked;
  const bool has_type = section.require(
      "type", asked,
      choice_form<std::optional<SourceKind>>({{"passwd", std::nullopt},
                                              {"token", SourceKind::kToken},
                                              {"kubernetes", SourceKind::kKubernetes},
                                              {"http", SourceKind::kHttp},
                                              {"network", SourceKind::kNetwork}}));
  if (asked) return read_asked_source(section, *asked, outside, source_names, config);
  blame_keys_of_others(section, has_type);
  const auto form = path_form("the path of a password file", config.file);
  const bool has_path = section.require("path", source.path, form);
  const bool has_format =
      section.require("format", source.format,
                      choice_form<PasswdFormat>({{"htpasswd", PasswdFormat::kHtpasswd},
                                                 {"dovecot", PasswdFormat::kDovecot},
                                                 {"smtprelay", PasswdFormat::kSmtprelay}}));
  if (!has_path || !has_format) return;
  const auto text = read_named_file(section, "path", outside, source.path, form.expected);
  if (!text) return;
  Problems problems(source.path);
  for (PasswdEntry& entry : read_passwd(*text, source.format, problems)) {
    names.take(problems, entry.place, entry.user.name);
    give_rights(config.auth.rules, config.auth.group_rules, config.limits, entry.user);
    config.auth.file_users.push_back(std::move(entry.user));
  }
  names.next_file(source.path);
  if (!problems.empty()) section.problems().append(std::move(problems).take());
  config.auth.sources.push_back(std::move(source));
}

/// `names`: of the users read before, to be told apart from those of the file.
void read_users_file(const Section& section, const Outside& outside, Names& names, Config& config) {
  const auto form = path_form("the path of a users file", config.file);
  if (!section.read("file", config.auth.file, form)) return;
  const auto text = read_named_file(section, "file", outside, config.auth.file, form.expected);
  if (!text) return;
  auto users = read_users_text(*text, config.auth.file, config.limits, names);
  names.next_file(config.auth.file);
  if (users) {
    config.auth.file_users = std::move(*users);
  } else {
    section.problems().append(std::move(users.error()));
  }
}

}  // namespace

std::vector<Label> read_labels(const Section& section) {
  std::vector<Label> labels;
  const auto form = text_form("the text of the label");
  const Table* table = section.open_table(
      "labels", "a table of labels and their text, such as { team = \"billing\" }");
  if (!table) return labels;
  for (const Entry& entry : table->entries) {
    const auto text = form.read(entry.value);
    if (text) {
      labels.push_back({.name = entry.key, .value = *text});
      continue;
    }
    section.problems().add(entry.value.place,
                           fmt::format("{}.{} is {}; expected {}", section.path_of("labels"),
                                       quote(entry.key), describe(entry.value), form.expected));
  }
  return labels;
}

Limits read_limits(const Section& section, const Limits& defaults) {
  Limits limits = defaults;
  section.read("messages", limits.messages, rate_form(false));
  section.read("recipients", limits.recipients, rate_form(false));
  section.read("bytes", limits.bytes, rate_form(true));
  section.read("connections", limits.connections, connections_form());
  return limits;
}

std::vector<User> read_users(const std::vector<Section>& sections, const Limits& defaults,
                             Names& names) {
  std::vector<User> users;
  users.reserve(sections.size());
  for (const Section& section : sections) {
    User user;
    if (section.require("name", user.name, user_name_form())) {
      names.take(section, "name", user.name);
    }
    section.require("password", user.password_hash, password_hash_form());
    section.read_values("senders", user.senders, pattern_form(), true);
    user.limits = read_own_limits(section, defaults);
    user.groups = read_groups(section);
    user.labels = read_labels(section);
    users.push_back(std::move(user));
  }
  return users;
}

void read_auth(const Section& top, const Outside& outside, Config& config) {
  if (const auto limits = top.table("limits", schema::kLimits)) {
    config.limits = read_limits(*limits, Limits());
  }
  const auto auth = top.table("auth", schema::kAuth);
  bool nobody = !auth && !top.has("auth");
  if (auth) {
    if (auth->has("mechanisms")) config.auth.mechanisms = read_mechanisms(*auth);
    auth->read("cache_lifetime", config.auth.cache_lifetime,
               duration_form(milliseconds(0), std::chrono::hours(24)));
    if (const auto section = auth->table("brute_force", schema::kBruteForce)) {
      read_brute_force(*section, config.auth.brute_force);
    }
    std::vector<Section> users;
    for (const Section& section : auth->tables("user", schema::kAuthUser)) {
      if (section.has("match")) {
        config.auth.rules.push_back(read_rule(section, config.limits));
      } else {
        users.push_back(section);
      }
    }
    const bool no_user = auth->lacks("user") || (users.empty() && !config.auth.rules.empty());
    nobody = no_user && !auth->has("file") && auth->lacks("source");
    Names groups;
    for (const Section& section : auth->tables("group", schema::kAuthGroup)) {
      config.auth.group_rules.push_back(read_group(section, config.limits, groups));
    }
    Names names(Names::Case::kIgnored);
    config.auth.users = read_users(users, config.limits, names);
    names.next_file(config.file);
    read_users_file(*auth, outside, names, config);
    Names source_names;
    for (const Section& section : auth->tables("source", schema::kAuthSource)) {
      read_source(section, outside, names, source_names, config);
    }
    check_mechanisms(*auth, config);
  }
  if (nobody) {
    top.problems().add(auth ? auth->place() : Place{},
                       "nobody could log in; expected at least one [[auth.user]] with a password, "
                       "auth.file or [[auth.source]]");
  }
}

}  // namespace sallyport::config
