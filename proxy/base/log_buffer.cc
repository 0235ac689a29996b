#include "proxy/base/log_buffer.h"

#include <numeric>
#include <span>
#include <utility>

namespace sallyport::log {
namespace {

// Readers do not notice this delay, and the writer wakes at most 100 times a second.
constexpr std::chrono::milliseconds kBatchDelay{10};
// How long the writer may take to notice that it is to give up.
constexpr Duration kGivingUpTakes = std::chrono::milliseconds(500);

// Clients without a login can fill this part of the buffer, and all but the lines of the process
// another one: the rest is kept for what happens to the process itself.
constexpr std::size_t kShareOfStrangers = 8;  // an eighth
constexpr std::size_t kShareOfProcess = 8;

std::size_t index_of(Kind kind) { return static_cast<std::size_t>(kind); }

std::uint64_t sum(const CountByKind& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

}  // namespace

void Buffer::start_writer(const std::shared_ptr<Buffer>& buffer, int descriptor) {
  buffer->writer_ = std::thread([buffer, descriptor] { buffer->write_batches(descriptor); });
}

bool Buffer::has_room(std::size_t size, Kind kind) const {
  const std::size_t after = pending_.size() + size;
  if (kind == Kind::kProcess) return after <= most_;
  if (kind == Kind::kStranger && pending_of_strangers_ + size > most_ / kShareOfStrangers) {
    return false;
  }
  return after <= most_ - most_ / kShareOfProcess;
}

void Buffer::add(std::string_view line, Kind kind) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || !has_room(line.size(), kind)) {
      ++dropped_[index_of(kind)];
      return;
    }
    was_empty = pending_.empty();
    pending_ += line;
    lines_.push_back({static_cast<std::uint32_t>(line.size()), kind});
    if (kind == Kind::kStranger) pending_of_strangers_ += line.size();
  }
  if (was_empty) wake_.notify_one();
}

CountByKind Buffer::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

std::uint64_t Buffer::close(Duration patience) {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  if (!writer_.joinable()) return 0;
  const std::uint64_t before = sum(dropped_);
  wake_.notify_one();
  if (!ended_.wait_for(lock, patience, [this] { return has_ended_; })) {
    abandoned_ = true;
    ended_.wait_for(lock, kGivingUpTakes, [this] { return has_ended_; });
  }
  if (has_ended_) {
    lock.unlock();
    writer_.join();
    lock.lock();
  } else {
    // Blocked inside a system call, such as a write to a file system that is gone. The thread keeps
    // what it needs alive, and ends with the process.
    writer_.detach();
    count_lost(lines_, 0);
    pending_.clear();
    lines_.clear();
    return sum(dropped_) - before + lines_being_written_;
  }
  return sum(dropped_) - before;
}

void Buffer::count_lost(const std::vector<LineSize>& lines, std::size_t first) {
  for (const LineSize& line : std::span(lines).subspan(first)) ++dropped_[index_of(line.kind)];
}

bool Buffer::tell_of_drops(LineWriter& writer, const CountByKind& dropped) {
  Line line(format.load(std::memory_order_relaxed), Level::kWarning, "log_lines_dropped", clock_());
  for (std::size_t i = 0; i < kKindNames.size(); ++i) {
    line.field(kKindNames[i], dropped[i] - told_[i]);
  }
  const std::string text = std::move(line).finish();
  const LineSize size{static_cast<std::uint32_t>(text.size()), Kind::kProcess};
  return writer.write(text, std::span(&size, 1)) == 1;
}

void Buffer::write_batches(int descriptor) {
  LineWriter writer(descriptor, abandoned_);
  std::string batch;
  std::vector<LineSize> lines;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
    if (!stopping_) wake_.wait_for(lock, kBatchDelay, [this] { return stopping_; });
    if (pending_.empty()) break;  // and stopping
    batch.clear();
    batch.swap(pending_);
    lines.clear();
    lines.swap(lines_);
    pending_of_strangers_ = 0;
    lines_being_written_ = lines.size();
    const CountByKind dropped = dropped_;
    lock.unlock();
    if (dropped != told_ && tell_of_drops(writer, dropped)) told_ = dropped;
    const std::size_t taken = writer.write(batch, lines);
    lock.lock();
    lines_being_written_ = 0;
    count_lost(lines, taken);
  }
  has_ended_ = true;
  ended_.notify_all();
}

}  // namespace sallyport::log
