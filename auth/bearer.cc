#include "auth/bearer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "auth/names.h"
#include "proxy/base/ascii.h"

namespace sallyport::auth {
namespace {

constexpr char kSeparator = '\x01';
constexpr std::string_view kPairs = "^Aauth=Bearer TOKEN^A^A";  // in words

Malformed malformed(std::string reason) { return Malformed{std::move(reason)}; }

/// b64token of RFC 6750 section 2.1.
bool is_token(std::string_view text) {
  const std::size_t end = text.find_last_not_of('=');
  return end != text.npos && std::ranges::all_of(text.substr(0, end + 1), [](char c) {
           return ascii::is_alnum(c) || std::string_view("-._~+/").contains(c);
         });
}

/// saslname of RFC 5801 section 4: "," and "=" are written "=2C" and "=3D".
std::optional<std::string> read_saslname(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    std::size_t size = 1;
    if (text.starts_with("=2C")) {
      name += ',';
      size = 3;
    } else if (text.starts_with("=3D")) {
      name += '=';
      size = 3;
    } else if (text.front() == '=') {
      return std::nullopt;
    } else {
      name += text.front();
    }
    text.remove_prefix(size);
  }
  return name;
}

/// The token of `key=value` pairs with a separator behind each and one at the end: "auth" has it,
/// the scheme in any case. Other keys (host, port, mthd …) say nothing that counts.
SaslStep read_pairs(std::string_view pairs, std::string name) {
  if (!name.empty()) {
    if (const char* fault = fault_of_name(name, kMaxIdentity)) {
      return malformed(std::string("the user name") + fault);
    }
  }
  std::optional<std::string_view> credential;
  while (!pairs.empty() && pairs.front() != kSeparator) {
    const std::size_t end = pairs.find(kSeparator);
    if (end == pairs.npos) return malformed("a pair does not end with ^A");
    const std::string_view pair = pairs.substr(0, end);
    if (pair.starts_with("auth=")) {
      if (credential) return malformed("auth is there twice");
      credential = pair.substr(5);
    }
    pairs.remove_prefix(end + 1);
  }
  if (pairs.size() != 1) return malformed("the response does not end with ^A^A");
  constexpr std::string_view kScheme = "Bearer ";
  if (!credential || !ascii::starts_with_ignoring_case(*credential, kScheme)) {
    return malformed("auth is not \"Bearer\" and a token");
  }
  const std::string_view token = credential->substr(kScheme.size());
  if (token.size() > kMaxToken) return malformed("the token is too long");
  if (!is_token(token)) return malformed("the token has characters that none has");
  return Proof(BearerToken{.name = std::move(name), .token = Secret(token)});
}

/// RFC 7628 section 3.1. Channel binding is no part of it: "p" is not for this mechanism.
class OauthBearerExchange final : public SaslExchange {
 public:
  SaslStep step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{};
    std::string_view rest = *response;
    if (!rest.starts_with("n,") && !rest.starts_with("y,")) {
      return malformed("OAUTHBEARER wants: n,a=NAME," + std::string(kPairs));
    }
    rest.remove_prefix(2);
    const std::size_t comma = rest.find(',');
    if (comma == rest.npos) return malformed("the GS2 header does not end");
    std::optional<std::string> name = std::string();
    if (comma > 0) {
      if (!rest.starts_with("a=")) return malformed("the GS2 header names no authzid");
      name = read_saslname(rest.substr(2, comma - 2));
      if (!name || name->empty()) return malformed("the GS2 header has a bad authzid");
    }
    rest.remove_prefix(comma + 1);
    if (rest.empty() || rest.front() != kSeparator) {
      return malformed("there is no ^A behind the GS2 header");
    }
    return read_pairs(rest.substr(1), *std::move(name));
  }

  std::string_view last_word() const override { return R"({"status":"invalid_token"})"; }
};

/// `user=NAME ^A auth=Bearer TOKEN ^A ^A`.
class Xoauth2Exchange final : public SaslExchange {
 public:
  SaslStep step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{};
    const std::size_t end = response->find(kSeparator);
    if (!response->starts_with("user=") || end == response->npos) {
      return malformed("XOAUTH2 wants: user=NAME" + std::string(kPairs));
    }
    return read_pairs(response->substr(end + 1), std::string(response->substr(5, end - 5)));
  }

  std::string_view last_word() const override {
    return R"({"status":"401","schemes":"bearer","scope":""})";
  }
};

}  // namespace

std::unique_ptr<SaslExchange> oauthbearer() { return std::make_unique<OauthBearerExchange>(); }
std::unique_ptr<SaslExchange> xoauth2() { return std::make_unique<Xoauth2Exchange>(); }

}  // namespace sallyport::auth
