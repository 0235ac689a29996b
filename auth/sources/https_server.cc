#include "auth/sources/https_server.h"

#include <memory>
#include <utility>

#include "proxy/config/load.h"
#include "proxy/runtime/handoff.h"

namespace sallyport::auth {

runtime::Task<Result<http::Response>> HttpsServer::send(runtime::Loop& loop, http::Request request,
                                                        TimePoint deadline) {
  using Answer = runtime::Handoff<Result<http::Response>>;
  const auto answer = std::make_shared<Answer>(loop);
  const auto asked = std::make_shared<http::Request>(std::move(request));
  const TimePoint ends = std::chrono::steady_clock::now() + (deadline - loop.now());
  client_.run([this, answer, asked, ends] {
    const Duration left = ends - std::chrono::steady_clock::now();
    answer->give(left > Duration::zero()
                     ? send_here(std::move(*asked), left)
                     : fail(ErrorCode::kTimeout, "too many requests are under way"));
  });
  auto given = co_await answer->wait(deadline);
  if (given) co_return std::move(*given);
  co_return fail(ErrorCode::kTimeout, "it did not answer in time");
}

Result<http::Response> HttpsServer::send_here(http::Request request, Duration at_most) const {
  request.ca = options_.ca;
  if (!options_.token.empty()) {
    Result<Secret> token = options_.token.text;
    if (!options_.token.file.empty()) {
      token = config::read_secret_file(config::Outside::real(), options_.token.file);
    }
    if (!token) {
      return fail(token.error().code, "the token file cannot be used: " + token.error().text);
    }
    std::string line = "Authorization: Bearer ";
    line.reserve(line.size() + token->reveal().size());  // growing would leave copies behind
    line += token->reveal();
    request.secret_headers.push_back(Secret::consume(line));
  }
  return client_.send_here(request, at_most);
}

}  // namespace sallyport::auth
