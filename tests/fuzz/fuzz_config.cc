// Configs, users files and the values in them: no text crashes the readers or makes them take long;
// a refusal has a reason that is fit for one line of a terminal; what is accepted keeps the
// promises that the rest of the program relies on.
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/ascii.h"
#include "proxy/config/load.h"
#include "proxy/config/password_hash.h"
#include "proxy/config/values.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::config {
namespace {

void check_problems(const std::vector<Problem>& problems) {
  FUZZ_CHECK(!problems.empty());
  for (const Problem& problem : problems) {
    FUZZ_CHECK(!problem.what.empty() && (problem.line == 0) == (problem.column == 0));
    for (const char c : problem.str()) FUZZ_CHECK(!ascii::is_control(c));
  }
}

void check_users(const std::vector<User>& users) {
  for (const User& user : users) {
    FUZZ_CHECK(!user.name.empty() && parse_password_hash(user.password_hash).has_value());
  }
}

void check_config(const Config& config) {
  FUZZ_CHECK(is_domain(config.hostname) && !config.listeners.empty() && !config.upstreams.empty());
  FUZZ_CHECK(!config.auth.mechanisms.empty());
  check_users(config.auth.users);
  check_users(config.auth.file_users);
  for (const Upstream& upstream : config.upstreams) {
    FUZZ_CHECK(!upstream.name.empty() && upstream.username.empty() == upstream.password.empty());
    FUZZ_CHECK(upstream.provider->capture ? !upstream.path.empty()
                                          : !upstream.host.empty() && upstream.port != 0);
  }
  FUZZ_CHECK(!config.routes.empty());
  for (const Route& route : config.routes) {
    FUZZ_CHECK(!route.upstreams.empty());
    for (const Target& target : route.upstreams) {
      FUZZ_CHECK(target.upstream < config.upstreams.size());
    }
  }
}

void check_values(std::string_view text) {
  if (const auto duration = parse_duration(text))
    FUZZ_CHECK(parse_duration(str(*duration)) == *duration);
  if (const auto endpoint = parse_endpoint(text))
    FUZZ_CHECK(parse_endpoint(str(*endpoint)) == *endpoint);
  for (const bool sizes : {false, true}) {
    if (const auto rate = parse_rate(text, sizes)) {
      FUZZ_CHECK(rate->amount >= 1 && rate->burst >= 1 && rate->amount <= kMostInRate &&
                 rate->burst <= kMostInRate);
    }
  }
  if (const auto pattern = AddressPattern::parse(text)) {
    FUZZ_CHECK(pattern->text() == text && AddressPattern::parse(pattern->text()) == *pattern);
  }
  (void)parse_size(text);
  (void)parse_password_hash(text);
}

}  // namespace
}  // namespace sallyport::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  using namespace sallyport::config;
  const std::string_view text = fuzz::text(data, size);
  // Every file holds the text itself, so a users file and a password are fuzzed too.
  const Outside outside{
      .read_file = [&](const std::string&) { return Result<std::string>(std::string(text)); },
      .environment = [&](const std::string&) { return std::optional<std::string>(text); },
      .readable = {},
      .host_name = [&] { return std::optional<std::string>(text); }};
  if (const auto config = parse(text, "c.toml", outside)) {
    check_config(*config);
  } else {
    check_problems(config.error());
  }
  if (const auto users = parse_users(text, "users.toml", Limits())) {
    check_users(*users);
  } else {
    check_problems(users.error());
  }
  check_values(text);
  return 0;
}
