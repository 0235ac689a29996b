// The sections about users: who may log in, and how much each may send.
#include <fmt/format.h>

#include "proxy/config/forms.h"
#include "proxy/config/password_hash.h"
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

std::vector<std::string> read_mechanisms(const Section& section) {
  std::vector<Element<std::string>> read;
  section.read_list("mechanisms", read,
                    choice_form<std::string>({{"PLAIN", "PLAIN"}, {"LOGIN", "LOGIN"}}), true);
  std::vector<std::string> mechanisms;
  for (const auto& [name, place, path] : read) {
    if (std::ranges::find(mechanisms, name) != mechanisms.end()) {
      section.problems().add(
          place, fmt::format("{} is {} again; expected each mechanism once", path, quote(name)));
    }
    mechanisms.push_back(name);
  }
  return mechanisms;
}

/// `names`: of the users read before, to be told apart from those of the file.
void read_users_file(const Section& section, const Outside& outside, Names& names, Config& config) {
  const auto form = path_form("the path of a users file", config.file);
  if (!section.read("file", config.auth.file, form)) return;
  Result<std::string> text = outside.read_file(config.auth.file);
  if (!text) {
    section.blame("file", fmt::format("is {}, which cannot be read: {}; expected {}",
                                      quote(config.auth.file), text.error().text, form.expected));
    return;
  }
  names.next_file(config.file);
  auto users = read_users_text(*text, config.auth.file, config.limits, names);
  if (users) {
    config.auth.file_users = std::move(*users);
  } else {
    section.problems().append(std::move(users.error()));
  }
}

}  // namespace

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
    std::vector<Element<AddressPattern>> senders;
    section.read_list("senders", senders, pattern_form(), true);
    for (auto& sender : senders) user.senders.push_back(std::move(sender.value));
    user.limits = defaults;
    if (const auto limits = section.table("limits", schema::kUserLimits)) {
      user.limits = read_limits(*limits, defaults);
    }
    users.push_back(std::move(user));
  }
  return users;
}

void read_auth(const Section& top, const Outside& outside, Config& config) {
  if (const auto limits = top.table("limits", schema::kLimits)) {
    config.limits = read_limits(*limits, Limits());
  }
  const auto auth = top.table("auth", schema::kAuth);
  if (auth) {
    if (auth->has("mechanisms")) config.auth.mechanisms = read_mechanisms(*auth);
    auth->read("cache_lifetime", config.auth.cache_lifetime,
               duration_form(milliseconds(0), std::chrono::hours(24)));
    Names names(Names::Case::kIgnored);
    config.auth.users = read_users(auth->tables("user", schema::kAuthUser), config.limits, names);
    read_users_file(*auth, outside, names, config);
  }
  const bool nobody = auth ? auth->lacks("user") && !auth->has("file") : !top.has("auth");
  if (nobody) {
    top.problems().add(auth ? auth->place() : Place{},
                       "nobody could log in; expected at least one [[auth.user]], or auth.file");
  }
}

}  // namespace sallyport::config
