#include "proxy/relay/smtp_upstream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/relay/too_many.h"
#include "proxy/relay/transaction.h"

namespace sallyport::relay {
namespace {

using runtime::Task;

// The metric counts each fault; the log says once a minute what it is.
constexpr Duration kLogEvery = std::chrono::minutes(1);
constexpr std::uint64_t kMostRecipients = 1000;  // where neither the config nor the upstream says

/// The connection could be used up to a reply that decided: so PIPELINING was what went wrong.
bool went_through(const Attempt& attempt) {
  return !attempt.lost_replies && attempt.reply && attempt.stage > Stage::kAuth &&
         attempt.end != End::kUnsuited;
}

/// Counts failed look-ups, and logs the first of a row; logs ports that are blocked.
std::unique_ptr<Dialer> observed(std::unique_ptr<Dialer> dialer, const config::Upstream& upstream,
                                 metrics::UpstreamMetrics& metrics, log::Logger& logger,
                                 std::shared_ptr<Findings> findings) {
  dialer->look_up_failed = [name = upstream.name, &metrics, &logger](const Error& error, bool first,
                                                                     bool usable) {
    metrics.look_up_failures.add();
    if (!first) return;
    logger.write(log::Level::kWarning, "upstream_lookup_failed",
                 {{"upstream", name},
                  {"error", error.text},
                  {"used", usable ? "the last answer" : "nothing"}});
  };
  dialer->port_found = [name = upstream.name, &logger](std::uint16_t port,
                                                       const std::string& blocked) {
    logger.write(log::Level::kWarning, "upstream_port_blocked",
                 {{"upstream", name}, {"port", port}, {"blocked", blocked}});
  };
  dialer->findings = std::move(findings);
  return dialer;
}

}  // namespace

SmtpUpstream::SmtpUpstream(runtime::Loop& loop, config::Upstream upstream_config,
                           std::string hostname, std::unique_ptr<Dialer> dialer,
                           std::unique_ptr<Credential> credential,
                           std::shared_ptr<ConnectionCap> cap,
                           metrics::UpstreamMetrics& upstream_metrics, log::Logger& logger)
    : Upstream(loop, std::move(upstream_config), upstream_metrics, cap),
      loop_(loop),
      logger_(logger),
      cap_(std::move(cap)),
      findings_(cap_, &cap_->findings),
      pool_(loop, config, std::move(hostname),
            observed(std::move(dialer), config, upstream_metrics, logger, findings_),
            std::move(credential), cap_, upstream_metrics),
      warm_(loop, pool_, config.min_connections),
      usable_(smtp::all_but(config.disabled_extensions)) {}

Task<void> SmtpUpstream::drain() {
  co_await warm_.drain();
  co_await pool_.drain();
}

Task<Attempt> SmtpUpstream::attempt(const message::Message& message,
                                    config::PartialRejection partial_rejection,
                                    const Deadlines& deadlines, Caller caller) {
  while (true) {
    auto lease = co_await pool_.lease(deadlines, caller);
    log_allowance();
    if (!lease) {
      log_misconfiguration(lease.error());
      co_return std::move(lease.error());
    }
    auto attempt = co_await on_lease(*lease, message, partial_rejection, deadlines, caller);
    if (!attempt) co_return std::move(attempt.error());
    if (says_too_many_connections(*attempt)) {
      // Each time round there is one connection less, until there is no other to wait for.
      const bool has_others = pool_.refused(std::move(lease->connection));
      log_allowance();
      if (has_others) continue;
      co_return std::move(*attempt);
    }
    if (attempt->recipients_taken > 0) findings_->takes(attempt->recipients_taken, loop_.now());
    pool_.give_back(std::move(lease->connection));
    if (attempt->end == End::kMisconfigured) log_misconfiguration(*attempt);
    co_return std::move(*attempt);
  }
}

/// What came of the message on this lease, once more on a new connection where that can help. The
/// error: the lease is over, there was no new connection.
Task<std::expected<Attempt, Attempt>> SmtpUpstream::on_lease(
    Pool::Lease& lease, const message::Message& message, config::PartialRejection partial_rejection,
    const Deadlines& deadlines, Caller caller) {
  Attempt attempt = co_await on_connection(lease, message, partial_rejection, deadlines, caller);
  if (attempt.stale && lease.reused) {
    // The connection had ended, which says nothing about the message: once more, on a new one.
    if (auto failed = co_await renew(lease, deadlines, caller)) {
      co_return std::unexpected(std::move(*failed));
    }
    attempt = co_await on_connection(lease, message, partial_rejection, deadlines, caller);
  }
  if (attempt.lost_replies) {
    if (auto failed = co_await renew(lease, deadlines, caller)) {
      co_return std::unexpected(std::move(*failed));
    }
    lease.connection->capabilities.pipelining = false;
    attempt = co_await on_connection(lease, message, partial_rejection, deadlines, caller);
    if (went_through(attempt)) {
      findings_->breaks_pipelining(loop_.now());
      logger_.write(log::Level::kWarning, "upstream_pipelining_broken",
                    {{"upstream", config.name},
                     {"error", "it offers PIPELINING, and answers commands only one by one"}});
    }
  }
  if (attempt.lost_chunk) {
    findings_->breaks_chunking(loop_.now());
    logger_.write(log::Level::kWarning, "upstream_chunking_broken",
                  {{"upstream", config.name}, {"error", one_line(attempt.said())}});
    if (auto failed = co_await renew(lease, deadlines, caller)) {
      co_return std::unexpected(std::move(*failed));
    }
    attempt = co_await on_connection(lease, message, partial_rejection, deadlines, caller);
  }
  co_return attempt;
}

Task<std::optional<Attempt>> SmtpUpstream::renew(Pool::Lease& lease, const Deadlines& deadlines,
                                                 Caller caller) {
  auto renewed = co_await pool_.replace(std::move(lease.connection), deadlines, caller);
  if (!renewed) {
    log_misconfiguration(renewed.error());
    co_return std::move(renewed.error());
  }
  lease = std::move(*renewed);
  co_return std::nullopt;
}

Task<Attempt> SmtpUpstream::on_connection(Pool::Lease& lease, const message::Message& message,
                                          config::PartialRejection partial_rejection,
                                          const Deadlines& deadlines, Caller caller) {
  if (caller.has_gone()) co_return abandoned(Stage::kMail);
  smtp::Capabilities& offered = lease.connection->capabilities;
  if (!config.disabled_extensions.empty()) smtp::withhold(offered, usable_);
  if (findings_->is_pipelining_broken(loop_.now())) offered.pipelining = false;
  if (caller.story != nullptr && lease.reused) {
    caller.story->note(loop_.now(), "connection",
                       fmt::format("a reused one, after {} messages", lease.connection->messages));
  }
  lease.connection->may_go_at_once = !findings_->is_chunking_broken(loop_.now());
  findings_->states(offered.limits.rcpt_max);
  const TimePoint begun = loop_.now();
  Attempt attempt = co_await transact(loop_, *lease.connection, config, partial_rejection, message,
                                      deadlines, caller);
  attempt.reused_connection = lease.reused;
  attempt.took = loop_.now() - begun;
  if (attempt.stage == Stage::kEnd && attempt.reply) metrics.transaction.observe(attempt.took);
  co_return attempt;
}

std::uint32_t SmtpUpstream::max_recipients() const {
  const std::uint64_t stated = findings_->stated();
  const std::uint64_t taken = findings_->taken(loop_.now());
  std::uint64_t most = config.max_recipients;
  if (most == 0) most = stated != 0 ? stated : kMostRecipients;
  if (stated != 0) most = std::min(most, stated);
  if (taken != 0) most = std::min(most, taken);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, ~std::uint32_t{0}));
}

void SmtpUpstream::log_allowance() {
  const auto news = cap_->news();
  if (!news) return;
  const bool is_lowered = news->allowed < news->limit;
  const log::Level level = is_lowered ? log::Level::kWarning : log::Level::kInfo;
  logger_.write(
      level, is_lowered ? "upstream_connections_lowered" : "upstream_connections_restored",
      {{"upstream", config.name}, {"allowed", news->allowed}, {"max_connections", news->limit}});
}

void SmtpUpstream::log_misconfiguration(const Attempt& attempt) {
  if (attempt.end != End::kMisconfigured) return;
  ++unlogged_;
  if (last_logged_ != TimePoint{} && loop_.now() - last_logged_ < kLogEvery) return;
  last_logged_ = loop_.now();
  const bool account = attempt.meaning == Meaning::kAccount || attempt.meaning == Meaning::kSender;
  logger_.write(log::Level::kError,
                account                        ? "upstream_account_refused"
                : attempt.stage == Stage::kTls ? "upstream_not_trusted"
                                               : "upstream_login_refused",
                {{"upstream", config.name},
                 {"stage", relay::name(attempt.stage)},
                 {"error", attempt.reply ? one_line(*attempt.reply) : attempt.error.text},
                 {"suppressed", std::exchange(unlogged_, 0) - 1}});
}

}  // namespace sallyport::relay
