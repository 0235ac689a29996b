#include "proxy/config/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/config/nearest.h"
#include "proxy/config/password_hash.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kPrefix = "SALLYPORT_";
constexpr std::string_view kKeyPrefix = "SALLYPORT__";
constexpr std::string_view kProvider = "SALLYPORT_PROVIDER";

constexpr auto kSimple = std::to_array<std::string_view>(
    {"SALLYPORT_PROVIDER", "SALLYPORT_REGION", "SALLYPORT_HOST", "SALLYPORT_USERNAME",
     "SALLYPORT_PASSWORD", "SALLYPORT_PASSWORD_FILE", "SALLYPORT_USERS", "SALLYPORT_USERS_FILE",
     "SALLYPORT_SENDERS", "SALLYPORT_LIMITS_MESSAGES", "SALLYPORT_HOSTNAME",
     "SALLYPORT_TLS_CERTIFICATE", "SALLYPORT_TLS_KEY", "SALLYPORT_ADMIN"});

std::optional<std::string> variable(const Outside& outside, std::string_view name) {
  auto value = outside.environment(std::string(name));
  if (value && value->empty()) return std::nullopt;  // as if unset: templates leave such behind
  return value;
}

/// A basic string of TOML.
std::string toml_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (ascii::is_control(c)) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

/// Words with white space or commas between them.
std::vector<std::string> words(std::string_view text, std::string_view separators) {
  std::vector<std::string> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) found.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

/// Writes a document line by line.
class Writer {
 public:
  explicit Writer(const Outside& outside) : outside_(outside) {}

  Document write() && {
    key("SALLYPORT_HOSTNAME", "hostname");
    write_listeners();
    write_limits();
    write_users();
    write_upstream();
    line("[admin]");
    const auto admin = variable(outside_, "SALLYPORT_ADMIN");
    line("address = " + toml_text(admin.value_or("127.0.0.1:9465")), "SALLYPORT_ADMIN");
    return std::move(document_);
  }

 private:
  void line(std::string text, std::string_view name = {}) {
    document_.text += std::move(text) + '\n';
    document_.names.emplace_back(name);
  }

  /// `key = "VALUE"`, if the variable is set.
  bool key(std::string_view name, std::string_view key) {
    const auto value = variable(outside_, name);
    if (value) line(fmt::format("{} = {}", key, toml_text(*value)), name);
    return value.has_value();
  }

  void problem(std::string_view name, std::string what) {
    document_.problems.push_back({.file = std::string(name), .what = std::move(what)});
  }

  void write_listeners() {
    for (const std::string_view port : {"465", "587", "2525"}) {
      line("[[listener]]");
      line(fmt::format("address = \"[::]:{}\"", port));
    }
    line("[tls]");
    const bool certificate = key("SALLYPORT_TLS_CERTIFICATE", "certificate");
    const bool private_key = key("SALLYPORT_TLS_KEY", "key");
    if (!certificate && !private_key) line("self_signed = true");
  }

  void write_limits() {
    if (!variable(outside_, "SALLYPORT_LIMITS_MESSAGES")) return;
    line("[limits]");
    key("SALLYPORT_LIMITS_MESSAGES", "messages");
  }

  void write_users() {
    line("[auth]");
    const bool file = key("SALLYPORT_USERS_FILE", "file");
    const auto users = variable(outside_, "SALLYPORT_USERS");
    if (!users && !file) {
      problem("SALLYPORT_USERS",
              "is not set; expected users, each as name:password, or "
              "SALLYPORT_USERS_FILE");
      return;
    }
    for (std::string& user : words(users.value_or(""), " \t\r\n")) {
      write_user(user);
      wipe(user);
    }
  }

  void write_user(std::string_view user) {
    const std::size_t colon = user.find(':');
    if (colon == user.npos || colon == 0 || colon + 1 == user.size()) {
      return problem("SALLYPORT_USERS",
                     "has a word that is no user; expected name:password or name:HASH, with white "
                     "space between users");
    }
    const std::string_view password = user.substr(colon + 1);
    std::string hash(password);
    if (!parse_password_hash(password)) {
      const auto made = outside_.hash_password
                            ? outside_.hash_password(Secret(password))
                            : Result<std::string>(fail(ErrorCode::kInvalid, "it is no hash"));
      wipe(hash);
      if (!made) return problem("SALLYPORT_USERS", "has a bad password: " + made.error().text);
      hash = *made;
    }
    line("[[auth.user]]", "SALLYPORT_USERS");
    line("name = " + toml_text(user.substr(0, colon)), "SALLYPORT_USERS");
    line("password = " + toml_text(hash), "SALLYPORT_USERS");
    const auto senders = variable(outside_, "SALLYPORT_SENDERS");
    if (!senders) return;
    std::string list;
    for (const std::string& sender : words(*senders, " \t\r\n,")) {
      list += (list.empty() ? "" : ", ") + toml_text(sender);
    }
    line(fmt::format("senders = [{}]", list), "SALLYPORT_SENDERS");
  }

  void write_upstream() {
    line("[[upstream]]", "SALLYPORT_PROVIDER");
    line("name = \"provider\"");
    key("SALLYPORT_PROVIDER", "provider");
    key("SALLYPORT_REGION", "region");
    key("SALLYPORT_HOST", "host");
    key("SALLYPORT_USERNAME", "username");
    const auto file = variable(outside_, "SALLYPORT_PASSWORD_FILE");
    if (file) {
      line(fmt::format("password = {{ file = {} }}", toml_text(*file)), "SALLYPORT_PASSWORD_FILE");
    } else if (variable(outside_, "SALLYPORT_PASSWORD")) {
      line("password = { env = \"SALLYPORT_PASSWORD\" }", "SALLYPORT_PASSWORD");
    }
  }

  const Outside& outside_;
  Document document_;
};

/// Kubernetes sets such for each Service, and one may be called "sallyport".
bool is_of_a_service(std::string_view name) {
  return name.contains("_SERVICE_") || name.contains("_PORT");
}

/// The value of a variable: TOML where it is some, else a text.
Node value_of(std::string_view text, Place place) {
  auto document = parse_toml("value = " + std::string(text));
  Node value{.place = place, .value = std::string(text)};
  if (!document) return value;
  auto& table = std::get<Table>(document->value);
  if (table.entries.size() == 1) value.value = std::move(table.entries.front().value.value);
  return value;
}

/// The value under a key, made if it is not there.
Node& entry(Table& table, const std::string& key, Place place) {
  const auto found = std::ranges::find(table.entries, key, &Entry::key);
  if (found != table.entries.end()) return found->value;
  table.entries.push_back(
      {.key = key, .place = place, .value = {.place = place, .value = Table()}});
  return table.entries.back().value;
}

std::optional<std::size_t> index_in(std::string_view part) {
  std::size_t index = 0;
  for (const char c : part) {
    if (!ascii::is_digit(c) || index > 10'000) return std::nullopt;
    index = index * 10 + static_cast<std::size_t>(c - '0');
  }
  return part.empty() || index == 0 ? std::nullopt : std::optional(index - 1);
}

/// Goes down by the parts of a variable's name, and puts the value at its end. False: what is in
/// the way is no table, or there is a gap.
bool put(Node& root, std::string_view name, Node value) {
  Node* at = &root;
  const Place place = value.place;
  std::string_view rest = name;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find("__"), rest.size());
    const std::string part = ascii::lower(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 2, rest.size()));
    const auto index = index_in(part);
    if (index && std::holds_alternative<Table>(at->value) &&
        std::get<Table>(at->value).entries.empty()) {
      at->value = Array();
    }
    if (auto* array = std::get_if<Array>(&at->value)) {
      if (!index || *index > array->size()) return false;
      if (*index == array->size()) array->push_back({.place = place, .value = Table()});
      at = &(*array)[*index];
    } else if (auto* table = std::get_if<Table>(&at->value)) {
      at = &entry(*table, part, place);
    } else {
      return false;
    }
  }
  *at = std::move(value);
  return true;
}

}  // namespace

bool is_configured_by(const Outside& outside) {
  if (!outside.environment_names) return false;
  const std::vector<std::string> names = outside.environment_names();
  return std::ranges::find(names, kProvider) != names.end() &&
         variable(outside, kProvider).has_value();
}

Document document_of(const Outside& outside) {
  Document document = Writer(outside).write();
  for (const std::string& name : outside.environment_names()) {
    if (!name.starts_with(kPrefix) || name.starts_with(kKeyPrefix) || is_of_a_service(name)) {
      continue;
    }
    if (std::ranges::find(kSimple, name) != kSimple.end()) continue;
    if (const auto near = nearest(name, kSimple)) {
      document.problems.push_back(
          {.file = name, .what = fmt::format("is not known; did you mean {}?", *near)});
    }
  }
  return document;
}

std::optional<Problem> stands_beside(const Outside& outside, const std::string& file) {
  if (!is_configured_by(outside)) return std::nullopt;
  return Problem{.file = std::string(kProvider),
                 .what = fmt::format("means nothing where there is a configuration file, {}; "
                                     "expected one of the two, or SALLYPORT__SECTION__KEY to "
                                     "overrule a key of the file",
                                     file)};
}

Overlay overlay(Node& document, const Outside& outside) {
  Overlay result;
  if (!outside.environment_names) return result;
  std::vector<std::string> all = outside.environment_names();
  std::ranges::sort(all);
  for (std::string& name : all) {
    if (!name.starts_with(kKeyPrefix) || name.size() == kKeyPrefix.size()) continue;
    const auto value = outside.environment(name);
    if (!value) continue;
    const auto line = static_cast<std::uint32_t>(result.names.size());
    const Place place{.line = kFirstLine + line, .column = 1};
    const std::string_view path = std::string_view(name).substr(kKeyPrefix.size());
    if (!put(document, path, value_of(*value, place))) {
      result.problems.push_back(
          {.file = name,
           .what = "names no place; expected sections and a key with __ between them, where the "
                   "tables of an array are counted from 1, without a gap"});
    }
    result.names.push_back(std::move(name));
  }
  return result;
}

}  // namespace sallyport::config
