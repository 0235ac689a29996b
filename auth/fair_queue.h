// A bounded queue in which nobody can keep others out: each network has a line of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <optional>
#include <utility>

namespace sallyport::auth {

/// What waits, each item in the line of the network that asked for it. Networks take turns, and
/// within a line who came first is served first. When the queue is full, the last of the longest
/// line gives its place to a network with a shorter one. So however much one network asks for,
/// another one is let in, and waits for no more than one item of each network that waits.
///
/// Looks through all lines, of which there are never more than items. Not thread-safe.
template <class Item>
class FairQueue {
 public:
  explicit FairQueue(std::size_t most) : most_(most) {}

  /// What became of a newcomer, and who lost its place to it.
  struct Admission {
    bool admitted = false;
    std::optional<Item> displaced = {};
  };

  Admission push(std::uint64_t network, Item item) {
    Admission admission;
    auto own = line_of(network);
    if (size_ >= most_) {
      const auto longest = std::ranges::max_element(lines_, {}, &FairQueue::length);
      // Two less, so that the one who comes does not have more than the one who has to go.
      if (longest == lines_.end() || length(*longest) < length_of(own) + 2) return admission;
      admission.displaced = std::move(longest->items.back());
      longest->items.pop_back();
      --size_;
    }
    if (own == lines_.end()) own = lines_.insert(lines_.end(), Line{.network = network});
    own->items.push_back(std::move(item));
    ++size_;
    admission.admitted = true;
    return admission;
  }

  /// The next item; nullopt when nobody waits.
  std::optional<Item> pop() {
    if (lines_.empty()) return std::nullopt;
    Line& line = lines_.front();
    Item item = std::move(line.items.front());
    line.items.pop_front();
    --size_;
    if (line.items.empty()) {
      lines_.pop_front();
    } else {
      lines_.splice(lines_.end(), lines_, lines_.begin());
    }
    return item;
  }

  /// `item` waits in the line of `from`, and `to` asks for it, too: it moves there if that line is
  /// shorter. True if it did.
  bool move(const Item& item, std::uint64_t from, std::uint64_t to) {
    const auto old = line_of(from);
    auto own = line_of(to);
    if (old == lines_.end() || length(*old) < length_of(own) + 2) return false;
    const auto found = std::ranges::find(old->items, item);
    if (found == old->items.end()) return false;
    if (own == lines_.end()) own = lines_.insert(lines_.end(), Line{.network = to});
    own->items.push_back(std::move(*found));
    old->items.erase(found);
    return true;
  }

  std::size_t size() const { return size_; }

 private:
  struct Line {
    std::uint64_t network = 0;
    std::deque<Item> items = {};  // never empty
  };
  using Lines = std::list<Line>;

  static std::size_t length(const Line& line) { return line.items.size(); }
  std::size_t length_of(Lines::iterator line) { return line == lines_.end() ? 0 : length(*line); }
  Lines::iterator line_of(std::uint64_t network) {
    return std::ranges::find(lines_, network, &Line::network);
  }

  const std::size_t most_;
  std::size_t size_ = 0;
  Lines lines_;  // in the order of their turns
};

}  // namespace sallyport::auth
