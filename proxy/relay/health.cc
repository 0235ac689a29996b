#include "proxy/relay/health.h"

#include <algorithm>

namespace sallyport::relay {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct Span {
  Duration first;
  Duration most;
};

Span span_of(Health::Trouble trouble) {
  switch (trouble) {
    case Health::Trouble::kUnreachable:
    case Health::Trouble::kThrottled:
      return {seconds(1), minutes(1)};
    case Health::Trouble::kQuota:
      return {minutes(1), minutes(15)};
    case Health::Trouble::kMisconfigured:
      return {seconds(5), minutes(5)};
  }
  return {seconds(1), minutes(1)};
}

constexpr std::uint32_t kMostDoublings = 16;

}  // namespace

bool Health::admit(TimePoint now) {
  if (failures_ == 0) return true;
  if (now < closed_until_ || probing_) return false;
  probing_ = true;
  return true;
}

void Health::succeeded() {
  failures_ = 0;
  probing_ = false;
}

void Health::failed(Trouble trouble, TimePoint now) {
  if (failures_ > 0 && now < closed_until_) return;
  probing_ = false;
  const Span span = span_of(trouble);
  const Duration grown = span.first * (1 << std::min(failures_, kMostDoublings));
  std::uniform_int_distribution<int> percent(75, 125);
  closed_until_ = now + std::min(grown, span.most) * percent(random_) / 100;
  ++failures_;
}

}  // namespace sallyport::relay
