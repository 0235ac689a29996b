// An upstream that speaks SMTP: a pool of connections and one mail transaction at a time on each.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "proxy/base/log.h"
#include "proxy/relay/findings.h"
#include "proxy/relay/pool.h"
#include "proxy/relay/upstream.h"
#include "proxy/relay/warm_minimum.h"
#include "proxy/smtp/extensions.h"

namespace sallyport::relay {

class SmtpUpstream final : public Upstream {
 public:
  /// References outlive it. `hostname` is said in EHLO.
  SmtpUpstream(runtime::Loop& loop, config::Upstream upstream_config, std::string hostname,
               std::unique_ptr<Dialer> dialer, std::unique_ptr<Credential> credential,
               std::shared_ptr<ConnectionCap> cap, metrics::UpstreamMetrics& upstream_metrics,
               log::Logger& logger);

  runtime::Task<Attempt> attempt(const message::Message& message,
                                 config::PartialRejection partial_rejection,
                                 const Deadlines& deadlines, Caller caller) override;
  /// What the config says, else the last EHLO (RFC 9422), else 1,000; or less where the last EHLO,
  /// or its replies to RCPT within the last hour, said so.
  std::uint32_t max_recipients() const override;
  void cut_off() override {
    turns.cut_off();
    warm_.stop();
    pool_.cut_off();
  }
  void retire() override {
    warm_.stop();
    pool_.retire();
  }
  runtime::Task<void> drain() override;

 private:
  runtime::Task<Attempt> on_connection(Pool::Lease& lease, const message::Message& message,
                                       config::PartialRejection partial_rejection,
                                       const Deadlines& deadlines, Caller caller);
  runtime::Task<std::expected<Attempt, Attempt>> on_lease(
      Pool::Lease& lease, const message::Message& message,
      config::PartialRejection partial_rejection, const Deadlines& deadlines, Caller caller);
  /// A new connection in place of the one of `lease`, or why there is none.
  runtime::Task<std::optional<Attempt>> renew(Pool::Lease& lease, const Deadlines& deadlines,
                                              Caller caller);
  /// What only the operator can mend, at most once a minute.
  void log_misconfiguration(const Attempt& attempt);
  /// Logs it once when the upstream allows fewer connections than configured, or all of them again.
  void log_allowance();

  runtime::Loop& loop_;
  log::Logger& logger_;
  const std::shared_ptr<ConnectionCap> cap_;
  const std::shared_ptr<Findings> findings_;
  Pool pool_;
  WarmMinimum warm_;
  const smtp::ExtensionSet usable_;
  TimePoint last_logged_{};
  std::uint64_t unlogged_ = 0;  // faults since then
};

}  // namespace sallyport::relay
