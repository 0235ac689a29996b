#include "proxy/relay/login.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/base64.h"
#include "proxy/sasl/client.h"

namespace sallyport::relay {
namespace {

using runtime::Task;
using smtp::Reply;

template <class T>
using Step = std::expected<T, Attempt>;

// RFC 4954 section 4: an initial response that makes the line longer than this goes after a 334.
constexpr std::size_t kMostCommandLine = 510;
// The longest exchange, SCRAM, has two challenges. Whoever sends more of them is no server.
constexpr int kMostChallenges = 6;

// In TLS the server that sees the password is the upstream, and one round trip is the least.
constexpr auto kInTls =
    std::to_array<std::string_view>({"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"});
constexpr auto kInClear =
    std::to_array<std::string_view>({"SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"});
constexpr auto kWithToken = std::to_array<std::string_view>({"XOAUTH2", "OAUTHBEARER"});

/// The mechanisms in order of preference.
std::vector<std::string_view> preferred(const config::Upstream& upstream) {
  if (!upstream.auth_mechanisms.empty()) {
    return {upstream.auth_mechanisms.begin(), upstream.auth_mechanisms.end()};
  }
  if (upstream.oauth) return {kWithToken.begin(), kWithToken.end()};
  if (upstream.tls == config::TlsMode::kNone) return {kInClear.begin(), kInClear.end()};
  return {kInTls.begin(), kInTls.end()};
}

/// RFC 4954 section 4 and 6: the server does not take this mechanism, whatever the password.
bool is_mechanism_refused(const Attempt& attempt) {
  if (!attempt.reply) return false;
  return attempt.reply->code == 504 || attempt.reply->code == 534 ||
         attempt.reply->enhanced == smtp::EnhancedCode{5, 5, 4};
}

/// One AUTH command and what follows it.
class Exchange {
 public:
  Exchange(runtime::Loop& loop, Connection& connection, const config::Upstream& upstream,
           std::string_view mechanism, TimePoint deadline)
      : loop_(loop),
        connection_(connection),
        upstream_(upstream),
        mechanism_(mechanism),
        deadline_(deadline) {}

  Task<Step<Reply>> run(const Secret& secret) {
    auto client = sasl::make_client(
        mechanism_, {.authcid = upstream_.username,
                     .secret = secret,
                     .host = upstream_.server_name.empty() ? upstream_.host : upstream_.server_name,
                     .port = upstream_.port});
    if (!client) co_return misconfigured(client.error());
    client_ = std::move(*client);
    auto reply = co_await begin();
    for (int challenges = 0; reply && reply->code == 334; ++challenges) {
      if (challenges == kMostChallenges) {
        co_return failed({ErrorCode::kProtocol, "AUTH does not come to an end"});
      }
      reply = co_await answer(*reply);
    }
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    if (reply->code != 235) co_return refused(std::move(*reply));
    if (const auto proven = client_->finish(); !proven) co_return misconfigured(proven.error());
    co_return std::move(*reply);
  }

 private:
  /// The AUTH command, with the initial response if the mechanism has one that fits.
  Task<Step<Reply>> begin() {
    const std::string command = fmt::format("AUTH {}", mechanism_);
    if (!client_->speaks_first()) co_return co_await say(command, "", Secret());
    auto response = co_await respond("");
    if (!response) co_return failed(response.error());
    std::string encoded = base64::encode(response->reveal());
    const bool fits = command.size() + 1 + encoded.size() <= kMostCommandLine;
    // RFC 4954 section 4: "=" stands for an initial response of no octets.
    Secret line = encoded.empty() ? Secret("=") : Secret::consume(encoded);
    if (fits) co_return co_await say(command, " ", std::move(line));
    auto prompted = co_await say(command, "", Secret());
    if (!prompted || prompted->code != 334) co_return prompted;
    co_return co_await say("", "", std::move(line));
  }

  Task<Step<Reply>> answer(Reply challenge) {
    const auto octets = base64::decode(challenge.lines.empty() ? "" : challenge.lines.front());
    // The prompts of LOGIN are answered whatever they are, also where they are no base64.
    if (!octets && mechanism_ != "LOGIN") {
      co_return co_await cancel(std::move(challenge), "its challenge is no base64");
    }
    auto response = co_await respond(octets.value_or(""));
    if (!response) co_return co_await cancel(std::move(challenge), response.error().text);
    std::string encoded = base64::encode(response->reveal());
    co_return co_await say("", "", Secret::consume(encoded));
  }

  /// RFC 4954 section 4: `*` ends an exchange that we will not go on with. The challenge is then
  /// the reply that decides: one that makes no sense.
  Task<Step<Reply>> cancel(Reply challenge, std::string why) {
    (void)co_await say("*", "", Secret());
    challenge.lines.push_back(fmt::format("({})", why));
    Attempt attempt = refusal(Stage::kAuth, std::move(challenge), *upstream_.provider);
    attempt.end = End::kDeferred;
    co_return std::unexpected(std::move(attempt));
  }

  Task<Result<Secret>> respond(std::string challenge) {
    if (!client_->is_slow()) co_return client_->respond(challenge);
    // It is kept alive by our frame, which waits.
    co_return co_await loop_.offload([client = client_.get(), challenge = std::move(challenge)] {
      return client->respond(challenge);
    });
  }

  Task<Step<Reply>> say(std::string_view before, std::string_view between, Secret secret) {
    const std::array<std::string_view, 4> line = {before, between, secret.reveal(), "\r\n"};
    const auto said = co_await connection_.write(line, deadline_);
    auto reply = co_await connection_.read_reply(deadline_);  // who hangs up may have said why
    if (!said && !reply) co_return failed(said.error());
    if (!reply) co_return failed(reply.error());
    co_return std::move(*reply);
  }

  static std::unexpected<Attempt> failed(Error error) {
    return std::unexpected(failure(Stage::kAuth, std::move(error)));
  }

  static std::unexpected<Attempt> misconfigured(Error error) {
    Attempt attempt = failure(Stage::kAuth, std::move(error));
    attempt.end = End::kMisconfigured;
    attempt.meaning = Meaning::kCredentials;
    return std::unexpected(std::move(attempt));
  }

  std::unexpected<Attempt> refused(Reply reply) const {
    Attempt attempt = refusal(Stage::kAuth, std::move(reply), *upstream_.provider);
    if (attempt.end == End::kRefused) {
      attempt.end = End::kMisconfigured;
      attempt.meaning = Meaning::kCredentials;
    }
    const std::string why = client_->refusal();
    if (!why.empty() && attempt.reply) attempt.reply->lines.push_back(why);
    return std::unexpected(std::move(attempt));
  }

  runtime::Loop& loop_;
  Connection& connection_;
  const config::Upstream& upstream_;
  const std::string mechanism_;
  const TimePoint deadline_;
  std::unique_ptr<sasl::Client> client_;
};

}  // namespace

Task<Step<Reply>> log_in(runtime::Loop& loop, Connection& connection,
                         const config::Upstream& upstream, const Secret& secret,
                         TimePoint deadline) {
  std::optional<Attempt> refused;
  const std::vector<std::string_view> mechanisms = preferred(upstream);
  for (const std::string_view mechanism : mechanisms) {
    if (!connection.capabilities.offers_auth(mechanism)) continue;
    Exchange exchange(loop, connection, upstream, mechanism, deadline);
    auto done = co_await exchange.run(secret);
    if (done || !is_mechanism_refused(done.error())) co_return done;
    refused = std::move(done.error());
  }
  if (refused) co_return std::unexpected(std::move(*refused));
  Attempt attempt = failure(
      Stage::kAuth, {ErrorCode::kProtocol, fmt::format("the upstream offers none of AUTH {}",
                                                       fmt::join(mechanisms, ", "))});
  attempt.end = End::kMisconfigured;
  attempt.meaning = Meaning::kCredentials;
  co_return std::unexpected(std::move(attempt));
}

}  // namespace sallyport::relay
