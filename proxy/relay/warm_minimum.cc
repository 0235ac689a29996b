#include "proxy/relay/warm_minimum.h"

#include <algorithm>
#include <chrono>

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookEvery = 1s;
constexpr Duration kLongestPause = 1min;

}  // namespace

WarmMinimum::WarmMinimum(runtime::Loop& loop, Pool& pool, std::uint32_t least)
    : loop_(loop), pool_(pool), stop_(loop), tasks_(loop) {
  if (least > 0) tasks_.spawn(keep(least));
}

runtime::Task<void> WarmMinimum::keep(std::uint32_t least) {
  Duration pause = kLookEvery;
  while (!stop_.is_set()) {
    switch (co_await pool_.open_spare(least)) {
      case Pool::Spare::kOpened:
        pause = kLookEvery;
        continue;  // there may be more to open
      case Pool::Spare::kEnough:
        pause = kLookEvery;
        break;
      case Pool::Spare::kFailed:
        pause = std::min<Duration>(2 * pause, kLongestPause);
        break;
    }
    (void)co_await stop_.wait(loop_.after(pause));
  }
}

runtime::Task<void> WarmMinimum::drain() {
  stop();
  (void)co_await tasks_.join();
}

}  // namespace sallyport::relay
