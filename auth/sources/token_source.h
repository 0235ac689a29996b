// [[auth.source]] type = "token" and "kubernetes": tokens that an issuer has signed, checked here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "auth/source.h"
#include "auth/sources/https_server.h"
#include "auth/sources/jwt.h"
#include "auth/sources/key_store.h"
#include "proxy/base/clock.h"
#include "proxy/config/auth_source.h"

namespace sallyport::auth {

/// The issuer is asked for its keys only, now and then; with `review` the cluster is asked for each
/// token that is not cached.
class TokenSource final : public Source {
 public:
  struct Parts {
    std::shared_ptr<KeyStore> keys;
    std::unique_ptr<HttpsServer> server;
    std::function<WallTime()> now = std::chrono::system_clock::now;
  };

  /// kInvalid: a template is none.
  static Result<std::unique_ptr<Source>> make(const config::AuthSource& settings, Parts parts);

  /// A token by a mechanism for tokens, or as a password: for clients that know no other way.
  bool takes(const Question& question) const override;
  runtime::Task<Answer> check(runtime::Loop& loop, const Question& question,
                              TimePoint deadline) override;
  void start() override { parts_.keys->prefetch(); }
  void cut_off() override { parts_.server->cut_off(); }

 private:
  TokenSource(const config::AuthSource& settings, Parts parts)
      : settings_(settings), parts_(std::move(parts)) {}

  /// The grant that the claims of a signed token make.
  Answer read_claims(const Question& question, const http::Json& claims,
                     const std::string& issuer) const;
  runtime::Task<Answer> review(runtime::Loop& loop, const Question& question, Granted grant,
                               std::string subject, TimePoint deadline);

  const config::AuthSource settings_;
  Parts parts_;
  ClaimTemplate user_;
  std::vector<ClaimTemplate> groups_;
  std::vector<std::pair<std::string, ClaimTemplate>> labels_;
  std::vector<ClaimTemplate> senders_;
};

/// The fetch of a KeyStore: finds the issuer's keys by what it says of itself, or where `settings`
/// say. Blocks.
Result<IssuerKeys> fetch_keys(const config::AuthSource& settings, const HttpsServer& server);

}  // namespace sallyport::auth
