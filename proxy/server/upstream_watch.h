// What is wrong with the upstreams, for the operator: the log, /readyz and its details.
#pragma once

#include <map>
#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/result.h"
#include "proxy/config/config.h"
#include "proxy/relay/connection_cap.h"

namespace sallyport::server {

/// Is there an upstream that mail without a route of its own may go to now? If none of the default
/// route, the first that has no conditions, is worth asking, the error names them and says why.
Result<void> has_way_out(const config::Config& config, const relay::ConnectionCaps& upstreams,
                         TimePoint now);

/// A line for each upstream in trouble, and for each login of one where tenants have their own:
/// which, since when, and the words.
std::string troubles(const config::Config& config, const relay::ConnectionCaps& upstreams,
                     TimePoint now);

/// Logs each minute what only the operator can mend, as long as it lasts. The first line is written
/// where it is found.
class UpstreamWatch {
 public:
  /// To be called every second or so.
  void look(const config::Config& config, const relay::ConnectionCaps& upstreams, TimePoint now,
            log::Logger& logger);

 private:
  std::map<std::string, TimePoint, std::less<>> told_;
};

}  // namespace sallyport::server
