// What is logged of clients that are turned away. They may come in floods, which must not become
// floods of lines: metrics count them all, the log shows some.
#pragma once

#include <array>
#include <string_view>

#include "metrics/metrics.h"
#include "proxy/base/log.h"
#include "proxy/base/throttle.h"
#include "proxy/config/config.h"

namespace sallyport::submission {

/// The lines `connection_refused` and `session_broken_off`: for each reason so many in ten seconds,
/// and then one that says how many were not written. Of one worker: belongs to its thread.
class RefusalLog {
 public:
  /// Whom a line is about.
  struct Client {
    const config::Endpoint& listener;
    std::string_view ip;
    std::string_view user = {};    ///< Empty: nobody is logged in.
    std::string_view detail = {};  ///< Empty: the reason says it all.
  };

  RefusalLog();

  void refused(log::Logger& logger, TimePoint now, metrics::Refusal reason, const Client& client);
  void broke_off(log::Logger& logger, TimePoint now, metrics::Offence reason, const Client& client);

 private:
  static void write(log::Logger& logger, TimePoint now, std::string_view event,
                    std::string_view reason, Throttle& throttle, const Client& client);

  std::array<Throttle, metrics::kRefusalNames.size()> refusals_;
  std::array<Throttle, metrics::kOffenceNames.size()> offences_;
};

}  // namespace sallyport::submission
