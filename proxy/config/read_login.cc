// The login of an upstream: a user name, and a password from the config, a file or the environment.
#include <fmt/format.h>

#include "proxy/config/forms.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kExpected =
    "text, { file = \"/path\" } or { env = \"NAME\" }, holding the password";
constexpr std::string_view kProviderPassword = "the password the provider gave you";

/// The reason why these bytes are no password, or "".
std::string_view fault_of_password(std::string_view password) {
  if (password.empty()) return "is empty";
  if (password.find_first_of("\r\n") != password.npos) return "holds more than one line";
  if (password.contains('\0')) return "holds a NUL";
  return "";
}

/// Takes what a file or variable held, which `section`'s `key` names.
void take_password(const Section& section, std::string_view key, const std::string& source,
                   std::string& bytes, Secret& into) {
  const std::string_view fault = fault_of_password(bytes);
  if (!fault.empty()) {
    section.blame(key, fmt::format("is {}, which {}; expected one line with the password",
                                   quote(source), fault));
  }
  into = Secret::consume(bytes);
}

void read_password_from_file(const Section& section, const Outside& outside, Upstream& upstream) {
  std::string& path = upstream.password_file;
  const auto form =
      path_form("the path of a file that holds the password", section.problems().file());
  if (!section.read("file", path, form)) return;
  Result<std::string> content = outside.read_file(path);
  if (!content) {
    section.blame("file", fmt::format("is {}, which cannot be read: {}; expected {}", quote(path),
                                      content.error().text, form.expected));
    return;
  }
  if (content->ends_with('\n')) content->pop_back();
  if (content->ends_with('\r')) content->pop_back();
  take_password(section, "file", path, *content, upstream.password);
}

void read_password_from_environment(const Section& section, const Outside& outside, Secret& into) {
  std::string name;
  const auto form = text_form("the name of an environment variable that holds the password");
  if (!section.read("env", name, form)) return;
  auto value = outside.environment(name);
  if (!value) {
    section.blame("env",
                  fmt::format("is {}, which is not set; expected {}", quote(name), form.expected));
    return;
  }
  take_password(section, "env", name, *value, into);
}

void read_password(const Section& section, const Outside& outside, Upstream& upstream) {
  const Node* node = section.find("password");
  if (!node) return;
  if (const auto* text = std::get_if<std::string>(&node->value)) {
    const std::string_view fault = fault_of_password(*text);
    if (!fault.empty()) {
      section.blame("password", fmt::format("{}; expected {}", fault, kExpected));
    }
    upstream.password = Secret(*text);
    return;
  }
  if (!std::holds_alternative<Table>(node->value)) {
    section.blame("password", fmt::format("is {}; expected {}", describe_type(*node), kExpected));
    return;
  }
  const auto source = section.table("password", schema::kPassword);
  if (!source) return;
  if (source->has("file") && source->has("env")) {
    section.blame("password", "has both file and env; expected one of the two");
  } else if (std::get<Table>(node->value).entries.empty()) {
    section.blame("password", fmt::format("is an empty table; expected {}", kExpected));
  } else {
    read_password_from_file(*source, outside, upstream);
    read_password_from_environment(*source, outside, upstream.password);
  }
}

}  // namespace

void read_login(const Section& section, const Outside& outside, const Provider& provider,
                Upstream& upstream) {
  upstream.username = provider.username;
  const auto username = text_form("the user name the provider gave you");
  if (provider.login && upstream.username.empty()) {
    section.require("username", upstream.username, username);
  } else {
    section.read("username", upstream.username, username);
  }
  read_password(section, outside, upstream);
  const bool has_password = section.has("password");
  const bool logs_in = provider.login || section.has("username");
  if (logs_in && !has_password) section.missing("password", kProviderPassword);
  if (has_password && !provider.login && !section.has("username")) {
    section.missing("username", "one, because there is a password");
  }
}

}  // namespace sallyport::config
