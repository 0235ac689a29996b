// [[auth.source]] type = "http": a server of the place's own is asked. Its contract is in
// docs/identity.md, as JSON schemas in docs/webhook-request.json and docs/webhook-response.json.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "auth/source.h"
#include "auth/sources/https_server.h"
#include "proxy/config/auth_source.h"

namespace sallyport::auth {

class WebhookSource final : public Source {
 public:
  WebhookSource(const config::AuthSource& settings, std::unique_ptr<HttpsServer> server)
      : url_(settings.url), server_(std::move(server)) {}

  bool takes(const Question& /*question*/) const override { return true; }
  runtime::Task<Answer> check(runtime::Loop& loop, const Question& question,
                              TimePoint deadline) override;
  void cut_off() override { server_->cut_off(); }

 private:
  const std::string url_;
  std::unique_ptr<HttpsServer> server_;
};

/// The body of a request.
Secret webhook_request(const Question& question);

/// What a status and a body say. A body that is not as the contract has it is Away: nobody is let
/// in by garbage, and nobody is told that the password is wrong.
Answer read_webhook_response(int status, std::string_view body, const Question& question);

}  // namespace sallyport::auth
