// An upstream that speaks SMTP: a pool of connections and one mail transaction at a time on each.
#pragma once

#include <memory>
#include <string>

#include "proxy/base/log.h"
#include "proxy/relay/pool.h"
#include "proxy/relay/upstream.h"

namespace sallyport::relay {

class SmtpUpstream final : public Upstream {
 public:
  /// References outlive it. `hostname` is said in EHLO.
  SmtpUpstream(runtime::Loop& loop, config::Upstream upstream_config, std::string hostname,
               std::unique_ptr<Dialer> dialer, std::shared_ptr<ConnectionCap> cap,
               metrics::UpstreamMetrics& upstream_metrics, log::Logger& logger, std::uint32_t seed);

  runtime::Task<Attempt> attempt(const message::Message& message,
                                 config::PartialRejection partial_rejection,
                                 TimePoint deadline) override;
  /// What the config says, or less where the last EHLO said so (RFC 9422).
  std::uint32_t max_recipients() const override;
  void cut_off() override { pool_.cut_off(); }
  void retire() override { pool_.retire(); }
  runtime::Task<void> drain() override { return pool_.drain(); }

 private:
  runtime::Task<Attempt> on_connection(Pool::Lease& lease, const message::Message& message,
                                       config::PartialRejection partial_rejection,
                                       TimePoint deadline);
  void tell_operator(const Attempt& attempt);

  runtime::Loop& loop_;
  log::Logger& logger_;
  Pool pool_;
  std::uint64_t rcpt_max_ = 0;  // of the last EHLO; 0: none said
  TimePoint told_operator_{};
  std::uint64_t untold_ = 0;  // faults since then
};

}  // namespace sallyport::relay
