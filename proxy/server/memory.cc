#include "proxy/server/memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>

namespace sallyport::server {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
// So much content at a time is no burst.
constexpr std::uint64_t kLittleContent = kMiB;
constexpr Duration kQuietFor = std::chrono::seconds(5);
constexpr Duration kLeastInterval = std::chrono::seconds(30);
// What makes it worth while: memory beyond the floor, or connections that have gone.
constexpr std::uint64_t kMuchMemory = 16 * kMiB;
constexpr std::uint64_t kManyConnections = 64;

}  // namespace

bool MemoryRelease::is_due(TimePoint now, const Sample& sample) {
  if (floor_ == 0) floor_ = sample.resident;
  floor_ = std::min(floor_, sample.resident);
  most_connections_ = std::max(most_connections_, sample.connections);
  if (sample.content > kLittleContent) busy_until_ = now;
  if (now < busy_until_ + kQuietFor || now < next_) return false;
  // Half of the connections of a burst have gone: the others may stay for hours.
  const bool gone = most_connections_ >= sample.connections * 2 + kManyConnections;
  return gone || sample.resident >= floor_ + kMuchMemory;
}

void MemoryRelease::trimmed(TimePoint now, std::uint64_t resident) {
  floor_ = resident;
  most_connections_ = 0;
  next_ = now + kLeastInterval;
}

void trim() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

std::uint64_t resident_memory() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace sallyport::server
