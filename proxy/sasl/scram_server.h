// SCRAM (RFC 5802, RFC 7677) as a server, sans-I/O, by libgsasl; and the keys it needs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace sallyport::sasl {

/// What a server keeps of a password: enough to check it and not to say it (RFC 5802 section 3).
/// All three texts are base64.
struct ScramKeys {
  std::uint32_t iterations = 0;
  std::string salt;
  std::string stored_key;
  std::string server_key;
};

/// The keys of a password with a random salt of 16 octets. The password is prepared (RFC 4013)
/// first, as clients do. Blocks for the time that the iterations take. kInvalid: it can't be
/// prepared.
Result<ScramKeys> make_scram_keys(const Secret& password, std::uint32_t iterations);

/// A password as SCRAM computes with it (RFC 4013). kInvalid: it can't be prepared.
Result<Secret> prepare_password(std::string_view password);

/// One exchange of SCRAM-SHA-256 or SCRAM-SHA-256-PLUS. It costs a few HMACs and never blocks.
class ScramServer {
 public:
  /// The keys of this user name, once an exchange. There must be some for a name that nobody has.
  using FindKeys = std::function<ScramKeys(std::string_view authcid)>;

  /// `tls_exporter`: the channel binding of RFC 9266, empty if there is none or PLUS is not offered
  /// on this connection. With one, a client that says that PLUS was not offered is refused:
  /// somebody between took it out. kInvalid: there is no such mechanism.
  static Result<std::unique_ptr<ScramServer>> make(std::string_view mechanism, FindKeys find_keys,
                                                   std::string_view tls_exporter);
  virtual ~ScramServer() = default;

  /// What to say to a message of the client: after the first the salt, after the second the proof
  /// that we know the password, too. kProtocol: it is no such message, or binds another channel.
  /// kInvalid: the client does not know the password. Both end the exchange.
  virtual Result<std::string> respond(std::string_view message) = 0;
  /// The client has proved that it knows the password; what `respond` gave last must still be said.
  virtual bool is_done() const = 0;

  /// Who the client says it is, and whom it wants to act for, once `respond` has succeeded.
  virtual std::string authcid() const = 0;
  virtual std::string authzid() const = 0;
};

}  // namespace sallyport::sasl
