// `sallyport doctor`: everything that can be known of a configuration without sending mail.
#pragma once

#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/doctor/report.h"
#include "proxy/relay/dialer.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/resolver.h"
#include "proxy/runtime/task.h"

namespace sallyport::doctor {

/// What is asked for.
struct Question {
  std::string upstream = {};              ///< Only this one, and the domains it may carry.
  std::vector<std::string> domains = {};  ///< Sender domains beside those that the config names.
  runtime::ResolverSettings resolver = runtime::system_resolver_settings();
  WallTime now = std::chrono::system_clock::now();
};

/// Examines the upstreams of `config` and the domains that its mail is from. `files`: for each
/// upstream what its files say. Everything outlives the call.
runtime::Task<Report> examine(runtime::Loop& loop, const config::Config& config,
                              const std::vector<relay::TlsFiles>& files, Question question);

}  // namespace sallyport::doctor
