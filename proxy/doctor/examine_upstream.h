// Does an upstream take our mail? Everything up to MAIL is tried out: name, ports, TLS, EHLO, AUTH.
#pragma once

#include <string>

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/doctor/report.h"
#include "proxy/relay/dialer.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/resolver.h"
#include "proxy/runtime/task.h"

namespace sallyport::doctor {

/// What an examination of upstreams works with.
struct UpstreamExamination {
  runtime::Loop& loop;
  std::string hostname;  ///< Said in EHLO.
  runtime::ResolverSettings resolver;
  WallTime now;  ///< Certificates are held against it.
};

/// Examines `upstream` and adds what it found to `report`. `files`: what those say that it names
/// for its TLS. Logs in, and sends no mail. Everything outlives the call.
runtime::Task<void> examine_upstream(const UpstreamExamination& examination,
                                     const config::Upstream& upstream, const relay::TlsFiles& files,
                                     Report& report);

}  // namespace sallyport::doctor
