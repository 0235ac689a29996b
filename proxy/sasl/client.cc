#include "proxy/sasl/client.h"

#include <algorithm>
#include <array>

#include "proxy/sasl/mechanisms.h"

namespace sallyport::sasl {
namespace {

constexpr auto kKnown = std::to_array<std::string_view>(
    {"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"});

/// No mechanism can carry a NUL, and those with tokens separate their parts with ^A.
bool is_clean(const Login& login, std::string_view mechanism) {
  const std::string_view special =
      takes_token(mechanism) ? std::string_view("\0\x01", 2) : std::string_view("\0", 1);
  return login.authcid.find_first_of(special) == std::string::npos &&
         login.secret.reveal().find_first_of(special) == std::string_view::npos;
}

}  // namespace

bool is_known(std::string_view mechanism) {
  return std::ranges::find(kKnown, mechanism) != kKnown.end();
}

bool takes_token(std::string_view mechanism) {
  return mechanism == "XOAUTH2" || mechanism == "OAUTHBEARER";
}

bool shows_secret(std::string_view mechanism) {
  return mechanism != "SCRAM-SHA-256" && mechanism != "CRAM-MD5";
}

Result<std::unique_ptr<Client>> make_client(std::string_view mechanism, const Login& login) {
  if (!is_known(mechanism)) {
    return fail(ErrorCode::kInvalid, "there is no mechanism " + std::string(mechanism));
  }
  if (!is_clean(login, mechanism)) {
    return fail(ErrorCode::kInvalid, "the user name or secret has an octet that AUTH cannot carry");
  }
  if (mechanism == "PLAIN") return plain(login);
  if (mechanism == "LOGIN") return login_mechanism(login);
  if (mechanism == "XOAUTH2") return xoauth2(login);
  if (mechanism == "OAUTHBEARER") return oauthbearer(login);
  return by_library(mechanism, login);
}

}  // namespace sallyport::sasl
