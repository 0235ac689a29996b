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
// While nothing happens and nothing comes back, each interval is twice the one before.
constexpr Duration kMostInterval = std::chrono::minutes(8);
constexpr std::uint64_t kLittleMemory = kMiB;
// What makes it worth while: memory beyond the floor, or connections that have gone.
constexpr std::uint64_t kMuchMemory = 16 * kMiB;
constexpr std::uint64_t kManyConnections = 64;
// A block of this size has pages of its own, which the system gets back when it is freed.
constexpr int kLargeBlock = 16 * 1024 * 1024;
// Of a thread's heap.
constexpr int kMostFreeAtEnd = 4 * 1024 * 1024;

}  // namespace

bool MemoryRelease::is_due(TimePoint now, const Sample& sample) {
  if (floor_ == 0) floor_ = sample.resident;
  floor_ = std::min(floor_, sample.resident);
  resident_ = sample.resident;
  most_connections_ = std::max(most_connections_, sample.connections);
  if (sample.content > kLittleContent) busy_until_ = now;
  // What is freed now was in use when memory was given back last.
  if (sample.content > 0) interval_ = kLeastInterval;
  if (now < busy_until_ + kQuietFor || (last_ && now < *last_ + interval_)) return false;
  // Half of the connections of a burst have gone: the others may stay for hours.
  const bool gone = most_connections_ >= sample.connections * 2 + kManyConnections;
  return gone || sample.resident >= floor_ + kMuchMemory;
}

void MemoryRelease::trimmed(TimePoint now, std::uint64_t resident) {
  const bool gave_little = resident + kLittleMemory > resident_;
  // The floor stays where it was: what could not be given back now may be freed a moment later.
  interval_ = gave_little && last_ ? std::min(2 * interval_, kMostInterval) : kLeastInterval;
  most_connections_ = 0;
  last_ = now;
}

void bound_free_memory() {
#ifdef __GLIBC__
  // By itself glibc raises both with the largest block that was freed, which is that of a password
  // hash (19 MiB): then each thread keeps up to 38 MiB at the end of its heap, where `malloc_trim`
  // does not look.
  mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  mallopt(M_TRIM_THRESHOLD, kMostFreeAtEnd);
#endif
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
