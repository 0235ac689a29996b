// One way to get access tokens: the request, by the credential there is, and what the answer means.
#pragma once

#include <functional>
#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/config/oauth.h"
#include "proxy/http/client.h"

namespace sallyport::oauth {

/// An access token and how long it is good for.
struct Token {
  Secret text;
  Duration lifetime{};
};

/// Fetches tokens for one credential and scope. Used by one thread at a time.
class Grant {
 public:
  using Send = std::function<Result<http::Response>(const http::Request&)>;

  Grant(config::OAuth settings, Send send)
      : settings_(std::move(settings)), send_(std::move(send)) {}

  /// Reads the files of the credential, and asks. Blocks. kInvalid: the credential is of no use, or
  /// the server refuses it, which the operator must mend. Any other: there is no token now.
  Result<Token> fetch();

 private:
  class Form;

  Result<http::Request> request();
  Result<std::string> fill(Form& form);
  Result<std::string> fill_service_account(Form& form);
  Result<void> fill_client(Form& form, std::string_view token_url);
  Result<Secret> refresh_token();
  Result<Token> read(const http::Response& response);

  const config::OAuth settings_;
  const Send send_;
  Secret refresh_token_said_;  // what the settings last said …
  Secret refresh_token_;       // … and what the server gave in its place
};

/// Can the files that `settings` name be used? Blocks. kInvalid, or the error of the file.
Result<void> check(const config::OAuth& settings);

}  // namespace sallyport::oauth
