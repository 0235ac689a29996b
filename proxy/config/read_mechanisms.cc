// mechanisms: the SASL mechanisms that clients may use, of [auth] and of a [[listener]].
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "proxy/config/forms.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

constexpr auto kMechanisms =
    std::to_array<std::string_view>({"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"});

bool has_verifier(const User& user) { return user.password_hash.starts_with("{SCRAM-"); }

/// Who could pass by it? What is expected for that, if nobody.
std::string_view missing_for(std::string_view mechanism, const Auth& auth) {
  if (mechanism.starts_with("SCRAM-") && std::ranges::none_of(auth.users, has_verifier) &&
      std::ranges::none_of(auth.file_users, has_verifier)) {
    return "a user whose password was made by: sallyport hash-password --scram";
  }
  return {};
}

/// Blames the mechanisms at `path` that nobody could pass.
void check_served(const std::vector<std::string>& mechanisms, std::string_view path, Place place,
                  const Auth& auth, Problems& problems) {
  for (const std::string& mechanism : mechanisms) {
    const std::string_view missing = missing_for(mechanism, auth);
    if (missing.empty()) continue;
    problems.add(place, fmt::format("{} has {}, by which nobody could log in; expected {}", path,
                                    quote(mechanism), missing));
  }
}

}  // namespace

std::vector<std::string> read_mechanisms(const Section& section) {
  std::vector<std::pair<std::string_view, std::string>> choices;
  choices.reserve(kMechanisms.size());
  for (const std::string_view mechanism : kMechanisms) choices.emplace_back(mechanism, mechanism);
  std::vector<Element<std::string>> read;
  section.read_list("mechanisms", read, choice_form<std::string>(std::move(choices)), true);
  std::vector<std::string> mechanisms;
  mechanisms.reserve(read.size());
  for (const auto& [name, place, path] : read) {
    if (std::ranges::find(mechanisms, name) != mechanisms.end()) {
      section.problems().add(
          place, fmt::format("{} is {} again; expected each mechanism once", path, quote(name)));
    }
    mechanisms.push_back(name);
  }
  return mechanisms;
}

void check_mechanisms(const Section& auth, const Config& config) {
  if (auth.has("mechanisms")) {
    check_served(config.auth.mechanisms, "auth.mechanisms", auth.place_of("mechanisms"),
                 config.auth, auth.problems());
  }
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    if (!listener.mechanisms) continue;
    check_served(*listener.mechanisms, fmt::format("listener[{}].mechanisms", i + 1),
                 listener.mechanisms_origin.place, config.auth, auth.problems());
  }
}

}  // namespace sallyport::config
