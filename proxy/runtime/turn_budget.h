// How much one peer may have done for it in one turn of a loop.
#pragma once

#include <cstdint>

#include "proxy/runtime/loop.h"

namespace sallyport::runtime {

/// Counts work that completes without waiting. A peer that sends or reads without pause would
/// otherwise keep the loop to itself: every await in its coroutine completes at once. Whatever is
/// done after a wait is in a new turn, with a full budget, so a peer that has to be waited for
/// never reaches the end of it. Belongs to one loop, which outlives it.
class TurnBudget {
 public:
  /// `most`: the units of work that one turn allows.
  TurnBudget(Loop& loop, std::uint32_t most) : loop_(loop), most_(most) {}

  /// Adds `cost` units to what was done in this turn.
  void spend(std::uint64_t cost) {
    if (turn_ != loop_.turns()) {
      turn_ = loop_.turns();
      spent_ = 0;
    }
    spent_ += cost;
  }
  /// The budget of this turn is used up: `co_await loop.next_turn()` before more is done.
  bool is_spent() const { return spent_ >= most_ && turn_ == loop_.turns(); }

 private:
  Loop& loop_;
  std::uint64_t turn_ = 0;
  std::uint64_t spent_ = 0;
  const std::uint32_t most_;
};

}  // namespace sallyport::runtime
