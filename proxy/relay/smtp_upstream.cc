#include "proxy/relay/smtp_upstream.h"

#include <algorithm>
#include <utility>

#include "proxy/relay/transaction.h"

namespace sallyport::relay {
namespace {

using runtime::Task;

// The metric counts each fault; the log says once a minute what it is.
constexpr Duration kTellEvery = std::chrono::minutes(1);

}  // namespace

SmtpUpstream::SmtpUpstream(runtime::Loop& loop, config::Upstream upstream_config,
                           std::string hostname, std::unique_ptr<Dialer> dialer,
                           std::shared_ptr<ConnectionCap> cap,
                           metrics::UpstreamMetrics& upstream_metrics, log::Logger& logger,
                           std::uint32_t seed)
    : Upstream(std::move(upstream_config), upstream_metrics, seed),
      loop_(loop),
      logger_(logger),
      pool_(loop, config, std::move(hostname), std::move(dialer), std::move(cap),
            upstream_metrics) {}

Task<Attempt> SmtpUpstream::attempt(const message::Message& message,
                                    config::PartialRejection partial_rejection,
                                    TimePoint deadline) {
  auto lease = co_await pool_.lease(deadline);
  if (!lease) {
    tell_operator(lease.error());
    co_return std::move(lease.error());
  }
  Attempt attempt = co_await on_connection(*lease, message, partial_rejection, deadline);
  if (attempt.stale && lease->reused) {
    // The connection had died, which says nothing about the message: once more, on a new one.
    lease = co_await pool_.replace(std::move(lease->connection), deadline);
    if (!lease) {
      tell_operator(lease.error());
      co_return std::move(lease.error());
    }
    attempt = co_await on_connection(*lease, message, partial_rejection, deadline);
  }
  pool_.give_back(std::move(lease->connection));
  if (attempt.end == End::kMisconfigured) tell_operator(attempt);
  co_return attempt;
}

Task<Attempt> SmtpUpstream::on_connection(Pool::Lease& lease, const message::Message& message,
                                          config::PartialRejection partial_rejection,
                                          TimePoint deadline) {
  rcpt_max_ = lease.connection->capabilities.limits.rcpt_max;
  const TimePoint begun = loop_.now();
  Attempt attempt =
      co_await transact(loop_, *lease.connection, config, partial_rejection, message, deadline);
  attempt.reused_connection = lease.reused;
  attempt.took = loop_.now() - begun;
  if (attempt.stage == Stage::kEnd && attempt.reply) metrics.transaction.observe(attempt.took);
  co_return attempt;
}

std::uint32_t SmtpUpstream::max_recipients() const {
  if (rcpt_max_ == 0) return config.max_recipients;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(rcpt_max_, config.max_recipients));
}

void SmtpUpstream::tell_operator(const Attempt& attempt) {
  if (attempt.end != End::kMisconfigured) return;
  ++untold_;
  if (told_operator_ != TimePoint{} && loop_.now() - told_operator_ < kTellEvery) return;
  told_operator_ = loop_.now();
  const bool account =
      attempt.meaning == Meaning::kAccount || attempt.meaning == Meaning::kSender;
  logger_.write(log::Level::kError,
                account                        ? "upstream_account_refused"
                : attempt.stage == Stage::kTls ? "upstream_not_trusted"
                                               : "upstream_login_refused",
                {{"upstream", config.name},
                 {"stage", relay::name(attempt.stage)},
                 {"reason", attempt.reply ? one_line(*attempt.reply) : attempt.error.text},
                 {"times", std::to_string(std::exchange(untold_, 0))}});
}

}  // namespace sallyport::relay
