#include "auth/sasl.h"

#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"

namespace sallyport::auth {
namespace {

/// Is the UTF-8 sequence a control character: C0, DEL or C1?
bool is_control(std::string_view sequence) {
  if (sequence.size() == 1) return ascii::is_control(sequence[0]);
  return sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

/// What is wrong with a name or password, as the end of a sentence, or null. The part of SASLprep
/// (RFC 4013) that protects logs and files: no control characters. The octets themselves are left
/// alone.
const char* fault_of(std::string_view text, std::size_t most) {
  if (text.empty()) return " is empty";
  if (text.size() > most) return " is too long";
  while (!text.empty()) {
    const std::size_t size = utf8::sequence(text);
    if (size == 0) return " is not UTF-8";
    if (is_control(text.substr(0, size))) return " has a control character";
    text.remove_prefix(size);
  }
  return nullptr;
}

SaslStep credentials(std::string_view authzid, std::string_view authcid,
                     std::string_view password) {
  if (const char* fault = fault_of(authcid, kMaxIdentity)) {
    return Malformed{std::string("the user name") + fault};
  }
  if (!authzid.empty()) {
    if (const char* fault = fault_of(authzid, kMaxIdentity)) {
      return Malformed{std::string("the authorization identity") + fault};
    }
  }
  if (const char* fault = fault_of(password, kMaxPassword)) {
    return Malformed{std::string("the password") + fault};
  }
  return Credentials{std::string(authzid), std::string(authcid), Secret(password)};
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
    if (const char* fault = fault_of(*response, kMaxIdentity)) {
      return Malformed{std::string("the user name") + fault};
    }
    authcid_ = std::string(*response);
    return Challenge{"Password:"};
  }

 private:
  std::optional<std::string> authcid_;
};

}  // namespace

std::unique_ptr<SaslExchange> start_exchange(std::string_view mechanism) {
  if (mechanism == "PLAIN") return std::make_unique<PlainExchange>();
  if (mechanism == "LOGIN") return std::make_unique<LoginExchange>();
  return nullptr;
}

}  // namespace sallyport::auth
