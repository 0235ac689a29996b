// The upstream that keeps mail in a Maildir instead of sending it: the embedded default, staging,
// tests. It stores octets as they would have gone out (CRLF included), below a Return-Path field
// and one Delivered-To field a recipient that say what the envelope was.
#pragma once

#include <string>

#include "proxy/relay/upstream.h"

namespace sallyport::relay {

class CaptureUpstream final : public Upstream {
 public:
  /// References outlive it. `hostname` is part of the file names.
  CaptureUpstream(runtime::Loop& loop, config::Upstream upstream_config, std::string hostname,
                  metrics::UpstreamMetrics& upstream_metrics, std::shared_ptr<ConnectionCap> state)
      : Upstream(loop, std::move(upstream_config), upstream_metrics, std::move(state)),
        loop_(loop),
        hostname_(std::move(hostname)) {}

  runtime::Task<Attempt> attempt(const message::Message& message,
                                 config::PartialRejection partial_rejection,
                                 const Deadlines& deadlines, Caller caller) override;
  void cut_off() override {}  // what is being written is soon done
  runtime::Task<void> drain() override { co_return; }

 private:
  runtime::Task<Result<std::string>> store(const message::Message& message);

  runtime::Loop& loop_;
  const std::string hostname_;
};

}  // namespace sallyport::relay
