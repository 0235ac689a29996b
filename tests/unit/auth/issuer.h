// An issuer of tokens, with keys made on the spot.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sallyport::auth {

/// One key pair, and what is signed with it.
class SigningKey {
 public:
  enum class Kind { kRsa, kRsa1024, kP256, kEd25519 };

  SigningKey(Kind kind, std::string id);
  ~SigningKey();

  /// Its public half as a JWK; `more`: further members, each with a comma before it.
  std::string jwk(std::string_view more = {}) const;
  /// The name of its algorithm.
  std::string_view algorithm() const;
  /// A token with these claims; `header` in place of the one that names the algorithm and the key.
  std::string sign(std::string_view claims, std::string_view header = {}) const;
  /// The public half in PEM, for those who take it for a secret.
  std::string public_pem() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A set of JWKs.
template <class... Keys>
std::string jwks(const Keys&... keys) {
  std::string list;
  ((list += (list.empty() ? "" : ",") + std::string(keys)), ...);
  return R"({"keys":[)" + list + "]}";
}

/// A token whose parts are put together as they are, with any signature.
std::string raw_token(std::string_view header, std::string_view claims, std::string_view signature);

}  // namespace sallyport::auth
