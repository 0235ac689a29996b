#include "tests/unit/config/fake_outside.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sallyport::config {

FakeOutside usual_outside() {
  return {.files = {{"tls.crt", "-----BEGIN CERTIFICATE-----"},
                    {"tls.key", "-----BEGIN PRIVATE KEY-----"},
                    {"password", "from a file\n"}},
          .variables = {{"PASSWORD", "from the environment"}}};
}

std::string completed(std::string_view text) {
  std::string whole(text);
  whole += '\n';
  if (!text.contains("listener")) {
    whole += "[[listener]]\naddress = \"127.0.0.1:2525\"\ntls = \"none\"\n";
  }
  if (!text.contains("[auth")) {
    whole += fmt::format("[[auth.user]]\nname = \"app\"\npassword = \"{}\"\n", kHash);
  }
  if (!text.contains("[upstream]]")) {
    whole += "[[upstream]]\nname = \"out\"\nprovider = \"smtp\"\nhost = \"smtp.example.com\"\n";
  }
  return whole;
}

std::vector<std::string> problems_of(std::string_view text, const FakeOutside& outside) {
  const auto config = parse(completed(text), "c.toml", outside.outside());
  if (config) return {"accepted"};
  std::vector<std::string> problems;
  for (const Problem& problem : config.error()) problems.push_back(problem.str());
  return problems;
}

Config accepted(std::string_view text, const FakeOutside& outside) {
  auto config = parse(completed(text), "c.toml", outside.outside());
  if (config) return std::move(*config);
  for (const Problem& problem : config.error()) ADD_FAILURE() << problem.str();
  return {};
}

}  // namespace sallyport::config
