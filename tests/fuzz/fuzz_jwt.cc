// Tokens and key sets of strangers. Properties: what is read of a token is a part of it; a token
// that is accepted is good for a while; a key set that is read has a key in it.
#include <cstdint>
#include <string_view>

#include "auth/sources/jwt.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sallyport::auth;

constexpr std::string_view kKeys =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = sallyport::fuzz::text(data, size);
  static const KeySet kSet = KeySet::parse(kKeys).value();
  const auto token = parse_jwt(text);
  FUZZ_CHECK(token.has_value() || !token.error().text.empty());
  if (token) {
    FUZZ_CHECK(text.starts_with(token->signed_part));
    FUZZ_CHECK(text[token->signed_part.size()] == '.');
    (void)kSet.verify(*token);
    const ClaimRules rules{.issuer = "i", .audiences = {"a"}, .leeway = {}, .longest_life = {}};
    const auto life = check_claims(token->claims, rules, {});
    FUZZ_CHECK(!life || *life > sallyport::Duration::zero());
  }
  const auto keys = KeySet::parse(text);
  if (keys) FUZZ_CHECK(keys->size() > 0);
  const auto made = ClaimTemplate::parse(text);
  if (made && token) (void)made->fill(token->claims);
  (void)looks_like_jwt(text);
  return 0;
}
