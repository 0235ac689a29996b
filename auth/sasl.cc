#include "auth/sasl.h"

#include <utility>

#include "auth/bearer.h"
#include "auth/names.h"
#include "auth/scram.h"

namespace sallyport::auth {
namespace {

SaslStep credentials(std::string_view authzid, std::string_view authcid,
                     std::string_view password) {
  if (const char* fault = fault_of_name(authcid, kMaxIdentity)) {
    return Malformed{std::string("the user name") + fault};
  }
  if (!authzid.empty()) {
    if (const char* fault = fault_of_name(authzid, kMaxIdentity)) {
      return Malformed{std::string("the authorization identity") + fault};
    }
  }
  if (const char* fault = fault_of_name(password, kMaxPassword)) {
    return Malformed{std::string("the password") + fault};
  }
  return Proof(Password{std::string(authzid), std::string(authcid), Secret(password)});
}

/// RFC 4616 section 2: message = [authzid] NUL authcid NUL passwd.
class PlainExchange final : public SaslExchange {
 public:
  SaslStep step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{};
    const std::size_t first = response->find('\0');
    const std::size_t second = first == response->npos ? first : response->find('\0', first + 1);
    if (second == response->npos) {
      return Malformed{
          "PLAIN wants: authorization identity or nothing, NUL, user name, NUL, password"};
    }
    // A third NUL is a control character in the password.
    return credentials(response->substr(0, first), response->substr(first + 1, second - first - 1),
                       response->substr(second + 1));
  }
};

/// draft-murchison-sasl-login: the name, then the password, each after a prompt that old clients
/// match word by word. Many clients send the name as an initial response, which the draft does not
/// know.
class LoginExchange final : public SaslExchange {
 public:
  SaslStep step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{"Username:"};
    if (authcid_) return credentials({}, *authcid_, *response);
    // Told now, lest a person types a password after a name that could never do.
    if (const char* fault = fault_of_name(*response, kMaxIdentity)) {
      return Malformed{std::string("the user name") + fault};
    }
    authcid_ = std::string(*response);
    return Challenge{"Password:"};
  }

 private:
  std::optional<std::string> authcid_;
};

}  // namespace

std::unique_ptr<SaslExchange> start_exchange(std::string_view mechanism,
                                             Surroundings surroundings) {
  if (mechanism == "PLAIN") return std::make_unique<PlainExchange>();
  if (mechanism == "LOGIN") return std::make_unique<LoginExchange>();
  if (mechanism == "OAUTHBEARER") return oauthbearer();
  if (mechanism == "XOAUTH2") return xoauth2();
  if (surroundings.find_scram_user) {
    return scram(mechanism, std::move(surroundings.find_scram_user), surroundings.tls_exporter);
  }
  return nullptr;
}

}  // namespace sallyport::auth
