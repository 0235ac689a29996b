// Who is next, when many wait for few: users take turns.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace sallyport::relay {

/// A queue in which each user has a line. `take` goes round the users that have one, and within a
/// line it is first come, first served: one user's backlog delays another by one entry. The cost of
/// each call does not depend on how many users wait.
template <class Entry>
class FairQueue {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  void push(std::string_view user, Entry entry) {
    const auto [line, is_new] = lines_.try_emplace(std::string(user));
    if (is_new) round_.push_back(&*line);
    line->second.push_back(std::move(entry));
    ++size_;
  }

  /// The next entry, which stays. There must be one.
  const Entry& front() {
    skip_empty_lines();
    return round_.front()->second.front();
  }

  /// The next entry. There must be one.
  Entry take() {
    skip_empty_lines();
    auto* line = round_.front();
    round_.pop_front();
    Entry entry = std::move(line->second.front());
    line->second.pop_front();
    --size_;
    if (line->second.empty()) {
      lines_.erase(lines_.find(line->first));
    } else {
      round_.push_back(line);
    }
    return entry;
  }

  /// Takes `entry` out of the line of `user`, if it is there.
  void remove(std::string_view user, const Entry& entry) {
    const auto line = lines_.find(std::string(user));
    if (line != lines_.end()) size_ -= std::erase(line->second, entry);
  }

 private:
  using Lines = std::unordered_map<std::string, std::deque<Entry>>;

  /// All of their entries were removed.
  void skip_empty_lines() {
    while (round_.front()->second.empty()) {
      lines_.erase(lines_.find(round_.front()->first));
      round_.pop_front();
    }
  }

  Lines lines_;
  std::deque<typename Lines::value_type*> round_;  // each line once, the next one first
  std::size_t size_ = 0;
};

}  // namespace sallyport::relay
