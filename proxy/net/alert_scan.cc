#include "proxy/net/alert_scan.h"

#include <algorithm>

namespace sallyport::net {
namespace {

constexpr std::uint8_t kAlertRecord = 21;

}  // namespace

void AlertScan::feed(std::string_view octets) {
  while (!octets.empty()) {
    if (arrived_ < record_.size()) {
      record_[arrived_] = static_cast<std::uint8_t>(octets.front());
    }
    std::size_t taken = 1;
    if (arrived_ >= kHeader) {
      const std::size_t size = static_cast<std::size_t>(record_[3] << 8 | record_[4]);
      // The rest of what no alert is long enough for is only counted.
      if (arrived_ >= record_.size()) {
        taken = std::min(octets.size(), kHeader + size - arrived_);
      }
    }
    octets.remove_prefix(taken);
    arrived_ += taken;
    if (arrived_ < kHeader) continue;
    const std::size_t size = static_cast<std::size_t>(record_[3] << 8 | record_[4]);
    if (arrived_ < kHeader + size) continue;
    // An encrypted alert is longer, and looks like application data besides.
    if (record_[0] == kAlertRecord && size == kAlert) alert_ = record_[kHeader + 1];
    arrived_ = 0;
  }
}

}  // namespace sallyport::net
