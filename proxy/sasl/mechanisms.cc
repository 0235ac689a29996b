#include "proxy/sasl/mechanisms.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"

namespace sallyport::sasl {
namespace {

constexpr std::size_t kMostRefusal = 300;

/// Appends pieces without leaving copies of a secret in memory that was outgrown.
Secret joined(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  std::string text;
  text.reserve(size);
  for (const std::string_view piece : pieces) text += piece;
  return Secret::consume(text);
}

/// A mechanism of one message that the client begins with.
class OneMessage : public Client {
 public:
  explicit OneMessage(Secret message) : message_(std::move(message)) {}

  bool speaks_first() const override { return true; }

  Result<Secret> respond(std::string_view challenge) override {
    if (said_) return later(challenge);
    said_ = true;
    return std::move(message_);
  }

 protected:
  virtual Result<Secret> later(std::string_view /*challenge*/) {
    return fail(ErrorCode::kProtocol, "the upstream asks for more than the mechanism has");
  }

 private:
  Secret message_;
  bool said_ = false;
};

/// The LOGIN mechanism has no RFC; each of two prompts is answered, whatever it says.
class LoginClient final : public Client {
 public:
  explicit LoginClient(const Login& login) : user_(login.authcid), password_(login.secret) {}

  bool speaks_first() const override { return false; }

  Result<Secret> respond(std::string_view /*challenge*/) override {
    switch (++answered_) {
      case 1:
        return std::move(user_);
      case 2:
        return std::move(password_);
      default:
        return fail(ErrorCode::kProtocol, "the upstream asks for more than user name and password");
    }
  }

 private:
  Secret user_;
  Secret password_;
  int answered_ = 0;
};

/// XOAUTH2 and OAUTHBEARER: a refused token is answered with a challenge that says why (in JSON),
/// which the client answers with a dummy, and then comes the reply that refuses.
class Bearer final : public OneMessage {
 public:
  Bearer(Secret message, std::string_view dummy) : OneMessage(std::move(message)), dummy_(dummy) {}

  std::string refusal() const override { return refusal_; }

 private:
  Result<Secret> later(std::string_view challenge) override {
    if (!refusal_.empty()) return OneMessage::later(challenge);
    for (const char c : challenge.substr(0, kMostRefusal)) {
      refusal_ += c >= ' ' && c <= '~' ? c : ' ';
    }
    refusal_ = std::string(ascii::trim(refusal_));
    if (refusal_.empty()) refusal_ = "no reason given";
    return Secret(dummy_);
  }

  const std::string_view dummy_;
  std::string refusal_;
};

/// RFC 5801 section 4: saslname, in which "," and "=" are special.
std::string saslname(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == ',') {
      text += "=2C";
    } else if (c == '=') {
      text += "=3D";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

// RFC 4616.
std::unique_ptr<Client> plain(const Login& login) {
  const std::string_view nul("\0", 1);
  return std::make_unique<OneMessage>(joined({nul, login.authcid, nul, login.secret.reveal()}));
}

std::unique_ptr<Client> login_mechanism(const Login& login) {
  return std::make_unique<LoginClient>(login);
}

// As Google and Microsoft document it; there is no RFC.
std::unique_ptr<Client> xoauth2(const Login& login) {
  return std::make_unique<Bearer>(
      joined({"user=", login.authcid, "\x01", "auth=Bearer ", login.secret.reveal(), "\x01\x01"}),
      "");
}

// RFC 7628 section 3.1.
std::unique_ptr<Client> oauthbearer(const Login& login) {
  return std::make_unique<Bearer>(
      joined({"n,a=", saslname(login.authcid), ",\x01", "host=", login.host, "\x01",
              "port=", fmt::format("{}", login.port), "\x01", "auth=Bearer ", login.secret.reveal(),
              "\x01\x01"}),
      "\x01");
}

}  // namespace sallyport::sasl
