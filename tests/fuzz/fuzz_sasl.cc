// SASL exchanges: they end, in a reason or in credentials; credentials are prepared as promised,
// those of PLAIN are what was sent, to the octet, and tokens are tokens. The first octet picks
// mechanism and initial response, LF cuts the rest into responses.
#include <optional>
#include <string>
#include <string_view>

#include "auth/sasl.h"
#include "auth/scram.h"
#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::auth {
namespace {

void check_prepared(std::string_view text, std::size_t most) {
  FUZZ_CHECK(!text.empty() && text.size() <= most && utf8::is_valid(text));
  for (const char octet : text) FUZZ_CHECK(!ascii::is_control(octet));
}

/// The next response off the front of `input`.
std::string_view take_response(std::string_view& input) {
  const std::size_t end = input.find('\n');
  const std::string_view response = input.substr(0, end);
  input.remove_prefix(end == input.npos ? input.size() : end + 1);
  return response;
}

void check(const Password& proof, std::string_view mechanism,
           std::optional<std::string_view> response) {
  const auto& [authzid, authcid, password] = proof;
  check_prepared(authcid, kMaxIdentity);
  check_prepared(password.reveal(), kMaxPassword);
  if (!authzid.empty()) check_prepared(authzid, kMaxIdentity);
  if (mechanism == "PLAIN") {
    FUZZ_CHECK(response == authzid + '\0' + authcid + '\0' + std::string(password.reveal()));
  } else {
    FUZZ_CHECK(authzid.empty() && response == password.reveal());
  }
}

void check(const BearerToken& proof, std::optional<std::string_view> response) {
  if (!proof.name.empty()) check_prepared(proof.name, kMaxIdentity);
  const std::string_view token = proof.token.reveal();
  check_prepared(token, kMaxToken);
  FUZZ_CHECK(utf8::is_ascii(token) && token.find_first_of(" \t") == token.npos);
  FUZZ_CHECK(response && response->contains(token) && response->ends_with("\x01\x01"));
}

/// Takes the exchange one step on; true at its end.
bool step(SaslExchange& exchange, std::string_view mechanism,
          std::optional<std::string_view> response) {
  const SaslStep step = exchange.step(response);
  if (std::holds_alternative<Challenge>(step)) return false;
  if (const auto* malformed = std::get_if<Malformed>(&step)) {
    FUZZ_CHECK(!malformed->reason.empty());
    return true;
  }
  if (std::holds_alternative<Disproved>(step)) {
    FUZZ_CHECK(mechanism.starts_with("SCRAM"));
    return true;
  }
  const Proof& proof = std::get<Proof>(step);
  if (const auto* password = std::get_if<Password>(&proof)) {
    check(*password, mechanism, response);
  } else {
    check(std::get<BearerToken>(proof), response);  // nobody guesses what SCRAM wants to see
  }
  return true;
}

ScramUser somebody(std::string_view name) {
  return {.keys = {.iterations = 4096,
                   .salt = "AAAAAAAAAAAAAAAAAAAAAA==",
                   .stored_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                   .server_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
          .name = std::string(name),
          .password_hash = "x"};
}

void run(std::string_view input) {
  constexpr std::string_view kMechanisms[] = {"PLAIN",       "LOGIN",         "OAUTHBEARER",
                                              "XOAUTH2",     "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
                                              "OAUTHBEARER", "SCRAM-SHA-256"};
  const auto choice = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  const std::string_view mechanism = kMechanisms[choice >> 1 & 7];
  const auto exchange =
      start_exchange(mechanism, {.find_scram_user = somebody,
                                 .tls_exporter = (choice & 16) != 0 ? std::string(32, 'b') : ""});
  std::optional<std::string_view> response;
  if ((choice & 1) != 0) response = take_response(input);
  // No mechanism asks more than twice.
  if (step(*exchange, mechanism, response)) return;
  if (step(*exchange, mechanism, take_response(input))) return;
  if (step(*exchange, mechanism, take_response(input))) return;
  // SCRAM without a first message asks for one as often as none comes.
  FUZZ_CHECK(mechanism.starts_with("SCRAM"));
}

}  // namespace
}  // namespace sallyport::auth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) sallyport::auth::run(sallyport::fuzz::text(data, size));
  return 0;
}
