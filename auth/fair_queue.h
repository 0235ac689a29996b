// A bounded queue in which no network can keep others out: the networks that wait take turns, at
// several levels of width, and networks with a record have turns of their own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <tuple>
#include <utility>

#include "auth/network_path.h"

namespace sallyport::auth {

/// What is known of the network that asks, from the best to the least.
enum class Standing : std::uint8_t {
  kKnown,     ///< It logged in lately: the /64 of an IPv6 address, the /32 of an IPv4 address.
  kNearby,    ///< Another one of the same /48 or /24 did.
  kStranger,  ///< Neither.
};

/// Where an item waits.
struct Place {
  NetworkPath path{};
  Standing standing = Standing::kStranger;
};

/// What waits, each item in the line of the network that asked for it. Of eight items that leave
/// the queue, five are of known networks, two of their neighbours and one of strangers, for as long
/// as all three wait. Within a standing the widest networks take turns, within each of these the
/// narrower ones, and within the narrowest the first that came is the first served.
///
/// When the queue is full, a standing that has more than its share of the places gives one to a
/// standing that has less. Within a standing the last of the longest line gives its place to a
/// network with a shorter one. So however much a network asks for, another one is let in; and
/// however many networks strangers have, they do not keep out a network that is known.
///
/// Looks through all lines, of which there are never more than items. Not thread-safe.
template <class Item>
class FairQueue {
 public:
  /// What became of a newcomer, and which item lost its place to it.
  struct Admission {
    bool admitted = false;
    std::optional<Item> displaced = {};
  };

  /// `most`: places there are at this moment.
  Admission push(const Place& place, Item item, std::size_t most) {
    Admission admission;
    if (size() >= most) {
      admission.displaced = make_room(place, most);
      if (!admission.displaced) return admission;
    }
    add(line_of(place.standing), place.path, std::move(item));
    admission.admitted = true;
    return admission;
  }

  /// The next item; nullopt when none waits.
  std::optional<Item> pop() {
    // Smooth weighted round robin: each standing that waits earns its weight a turn, the richest is
    // served and pays for all.
    int paid = 0;
    std::optional<std::size_t> richest;
    for (std::size_t i = 0; i < kStandings; ++i) {
      if (lines_[i].size == 0) {
        credit_[i] = 0;
        continue;
      }
      credit_[i] += kWeights[i];
      paid += kWeights[i];
      if (!richest || credit_[i] > credit_[*richest]) richest = i;
    }
    if (!richest) return std::nullopt;
    credit_[*richest] -= paid;
    return take_first(lines_[*richest]);
  }

  /// Takes out an item that waits at `place`; false: it does not.
  bool remove(const Item& item, const Place& place) {
    return remove(line_of(place.standing), place.path, kWidest, item);
  }

  /// `item` waits at `from`, and a client of `to` asks for it, too: it moves there if it is served
  /// earlier there, by its standing or because the line is shorter. True if it did.
  bool move(const Item& item, const Place& from, const Place& to) {
    if (to.standing > from.standing) return false;
    if (to.standing == from.standing && !is_shorter(to, from)) return false;
    if (!remove(item, from)) return false;
    add(line_of(to.standing), to.path, item);
    return true;
  }

  std::size_t size() const { return lines_[0].size + lines_[1].size + lines_[2].size; }

 private:
  static constexpr std::size_t kStandings = 3;
  static constexpr std::array<int, kStandings> kWeights = {5, 2, 1};
  static constexpr int kAllWeights = 8;
  static constexpr std::size_t kLevels = std::tuple_size_v<NetworkPath>;

  /// All that waits of one network; the lines of the networks in it, or the items themselves.
  struct Line {
    std::uint64_t network = 0;
    std::size_t size = 0;
    std::list<Line> lines = {};  // none is empty; in the order of their turns
    std::deque<Item> items = {};
  };
  using Lines = std::list<Line>;

  Line& line_of(Standing standing) { return lines_[static_cast<std::size_t>(standing)]; }

  static typename Lines::iterator find(Line& line, std::uint64_t network) {
    return std::ranges::find(line.lines, network, &Line::network);
  }
  static typename Lines::iterator longest(Line& line) {
    return std::ranges::max_element(line.lines, {}, &Line::size);
  }
  static void drop_if_empty(Line& line, typename Lines::iterator inner) {
    if (inner->size == 0) line.lines.erase(inner);
  }

  static void add(Line& standing, const NetworkPath& path, Item item) {
    Line* line = &standing;
    ++line->size;
    for (const std::uint64_t network : path) {
      auto inner = find(*line, network);
      if (inner == line->lines.end()) {
        inner = line->lines.insert(inner, Line{.network = network});
      }
      line = &*inner;
      ++line->size;
    }
    line->items.push_back(std::move(item));
  }

  static Item take_first(Line& line) {
    --line.size;
    if (line.lines.empty()) {
      Item item = std::move(line.items.front());
      line.items.pop_front();
      return item;
    }
    const auto inner = line.lines.begin();
    Item item = take_first(*inner);
    if (inner->size == 0) {
      line.lines.erase(inner);
    } else {
      line.lines.splice(line.lines.end(), line.lines, inner);
    }
    return item;
  }

  /// The last item of the longest line of the longest line …
  static Item take_last(Line& line) {
    --line.size;
    if (line.lines.empty()) {
      Item item = std::move(line.items.back());
      line.items.pop_back();
      return item;
    }
    const auto inner = longest(line);
    Item item = take_last(*inner);
    drop_if_empty(line, inner);
    return item;
  }

  static bool remove(Line& line, const NetworkPath& path, std::size_t level, const Item& item) {
    if (level == kLevels) {
      const auto found = std::ranges::find(line.items, item);
      if (found == line.items.end()) return false;
      line.items.erase(found);
    } else {
      const auto inner = find(line, path[level]);
      if (inner == line.lines.end() || !remove(*inner, path, level + 1, item)) return false;
      drop_if_empty(line, inner);
    }
    --line.size;
    return true;
  }

  /// Two fewer, so that the one that comes does not have more than the one that has to go.
  static bool is_shorter(std::size_t one, std::size_t other) { return one + 2 <= other; }

  /// Compares at the widest level at which the two differ.
  bool is_shorter(const Place& one, const Place& other) {
    Line* line = &line_of(one.standing);
    for (std::size_t level = kWidest; level < kLevels; ++level) {
      const auto first = find(*line, one.path[level]);
      const auto second = find(*line, other.path[level]);
      if (second == line->lines.end()) return false;
      if (first != second) {
        return is_shorter(first == line->lines.end() ? 0 : first->size, second->size);
      }
      line = &*first;
    }
    return false;
  }

  /// The places that a standing has whatever the others ask for.
  static std::size_t share(std::size_t standing, std::size_t most) {
    const auto weight = static_cast<std::size_t>(kWeights[standing]);
    return std::max<std::size_t>(most * weight / kAllWeights, 1);
  }

  std::optional<Item> make_room(const Place& place, std::size_t most) {
    const auto own = static_cast<std::size_t>(place.standing);
    if (most > 0 && lines_[own].size < share(own, most)) {
      // Of standings that have too much, the least loses first.
      for (std::size_t i = kStandings; i-- > 0;) {
        if (lines_[i].size > share(i, most)) return take_last(lines_[i]);
      }
    }
    return make_room_within(lines_[own], place.path, kWidest);
  }

  static std::optional<Item> make_room_within(Line& line, const NetworkPath& path,
                                              std::size_t level) {
    if (level == kLevels || line.lines.empty()) return std::nullopt;
    const auto most = longest(line);
    const auto own = find(line, path[level]);
    std::optional<Item> displaced;
    if (own == most) {
      displaced = make_room_within(*most, path, level + 1);
    } else if (is_shorter(own == line.lines.end() ? 0 : own->size, most->size)) {
      displaced = take_last(*most);
    }
    if (!displaced) return std::nullopt;
    --line.size;
    drop_if_empty(line, most);
    return displaced;
  }

  std::array<Line, kStandings> lines_;  // by standing
  std::array<int, kStandings> credit_{};
};

}  // namespace sallyport::auth
