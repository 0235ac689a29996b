// Certificates made on the spot, for tests: no file in the tree ever expires.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::support {

/// A certificate with its key, as PEM texts.
struct Identity {
  std::string certificate;  ///< Leaf first, then what a client needs to reach the root.
  std::string key;
};

enum class KeyKind { kEcdsa, kRsa, kEcdsaP224, kRsa1024, kEd25519 };

struct CertificateOptions {
  std::vector<std::string> names = {"mail.example.com"};  ///< DNS names and IP literals.
  KeyKind key = KeyKind::kEcdsa;
  std::chrono::hours valid_from{-24};  ///< From now.
  std::chrono::hours valid_to{24 * 90};
  std::string subject = {};  ///< Its common name; empty: the first of `names`.
  std::string purpose = "serverAuth,clientAuth";
  bool sha1 = false;  ///< Its issuer signs it with SHA-1.
};

/// How an authority's own certificate is made.
struct AuthorityOptions {
  KeyKind key = KeyKind::kEcdsa;
  bool sha1 = false;  ///< It signs itself with SHA-1.
};

/// An authority that a test trusts, or does not.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name = "Test CA", const AuthorityOptions& options = {});
  ~TestCa();

  /// The root, as a `ca` file holds it.
  const std::string& root() const;
  /// A server's certificate from this authority.
  Identity issue(const CertificateOptions& options = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A certificate that vouches for itself.
Identity self_signed(const CertificateOptions& options = {});

}  // namespace sallyport::support
