#include "auth/scram.h"

#include <utility>

#include "auth/names.h"

namespace sallyport::auth {
namespace {

class ScramExchange final : public SaslExchange {
 public:
  explicit ScramExchange(std::function<ScramUser(std::string_view)> find_user)
      : find_user_(std::move(find_user)) {}

  Result<void> start(std::string_view mechanism, std::string_view tls_exporter) {
    auto server = sasl::ScramServer::make(
        mechanism,
        [this](std::string_view authcid) {
          user_ = find_user_(authcid);
          return user_.keys;
        },
        tls_exporter);
    if (!server) return fail(server.error());
    server_ = std::move(*server);
    return {};
  }

  SaslStep step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{};
    // RFC 4954 section 4: 235 carries no data, so our proof was a challenge of its own.
    if (server_->is_done()) {
      if (!response->empty()) return Malformed{"something follows the client's proof"};
      return Proof(ProvedUser{
          .authzid = server_->authzid(), .name = user_.name, .password_hash = user_.password_hash});
    }
    auto said = server_->respond(*response);
    if (!said && said.error().code == ErrorCode::kInvalid) {
      return Disproved{.name = user_.name, .is_known = !user_.password_hash.empty()};
    }
    if (!said) return Malformed{"it is no message of SCRAM, or binds another channel"};
    if (const char* fault = fault_of_name(server_->authcid(), kMaxIdentity)) {
      return Malformed{std::string("the user name") + fault};
    }
    return Challenge{*std::move(said)};
  }

 private:
  const std::function<ScramUser(std::string_view)> find_user_;
  ScramUser user_;
  std::unique_ptr<sasl::ScramServer> server_;
};

}  // namespace

std::unique_ptr<SaslExchange> scram(std::string_view mechanism,
                                    std::function<ScramUser(std::string_view)> find_user,
                                    std::string_view tls_exporter) {
  auto exchange = std::make_unique<ScramExchange>(std::move(find_user));
  if (!exchange->start(mechanism, tls_exporter)) return nullptr;
  return exchange;
}

}  // namespace sallyport::auth
