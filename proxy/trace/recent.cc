#include "proxy/trace/recent.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "proxy/base/ascii.h"

namespace sallyport::trace {
namespace {

std::string_view without_brackets(std::string_view id) {
  if (id.starts_with('<')) id.remove_prefix(1);
  if (id.ends_with('>')) id.remove_suffix(1);
  return id;
}

}  // namespace

bool Query::fits(const Record& record) const {
  const auto same = [](std::string_view wanted, std::string_view there) {
    return wanted.empty() || ascii::equals_ignoring_case(wanted, there);
  };
  if (!same(user, record.user)) return false;
  if (!same(without_brackets(message_id), without_brackets(record.message_id))) return false;
  if (!same(id, record.id) && !same(id, record.upstream_id)) return false;
  return to.empty() || std::ranges::any_of(record.to, [&](const std::string& path) {
           return ascii::equals_ignoring_case(to, path);
         });
}

void Recent::set_capacity(std::size_t capacity) {
  capacity_.store(capacity, std::memory_order_relaxed);
  if (capacity > 0) return;
  for (Shard& shard : shards_) {
    std::deque<Entry> dropped;
    const std::lock_guard lock(shard.mutex);
    dropped.swap(shard.entries);
    shard.octets = 0;
  }
}

void Recent::add(Record record) {
  const std::size_t capacity = capacity_.load(std::memory_order_relaxed);
  if (capacity == 0) return;
  const std::size_t most = (capacity + kShards - 1) / kShards;
  const std::uint64_t number = added_.fetch_add(1, std::memory_order_relaxed);
  const std::size_t octets = record.octets();
  Entry entry{.number = number,
              .octets = octets,
              .record = std::make_shared<const Record>(std::move(record))};
  Shard& shard = shards_[number % kShards];
  std::vector<Entry> dropped;  // freed after the lock is given back
  {
    const std::lock_guard lock(shard.mutex);
    shard.octets += octets;
    shard.entries.push_back(std::move(entry));
    while (shard.entries.size() > most ||
           (shard.octets > kMostOctets / kShards && shard.entries.size() > 1)) {
      shard.octets -= shard.entries.front().octets;
      dropped.push_back(std::move(shard.entries.front()));
      shard.entries.pop_front();
    }
  }
}

std::vector<std::shared_ptr<const Record>> Recent::find(const Query& query) const {
  std::vector<Entry> all;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    all.insert(all.end(), shard.entries.begin(), shard.entries.end());
  }
  std::ranges::sort(all, {}, &Entry::number);
  const std::size_t capacity = capacity_.load(std::memory_order_relaxed);
  if (all.size() > capacity)
    all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(capacity));
  std::erase_if(all, [&](const Entry& entry) { return !query.fits(*entry.record); });
  std::vector<std::shared_ptr<const Record>> found;
  const std::size_t first = all.size() - std::min(all.size(), query.last);
  for (std::size_t i = first; i < all.size(); ++i) found.push_back(std::move(all[i].record));
  return found;
}

}  // namespace sallyport::trace
