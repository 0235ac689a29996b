// What happens to one message, step by step, noted by those who work on it. Never content, never a
// credential.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"

namespace sallyport::trace {

/// One step.
struct Step {
  TimePoint when;
  std::string_view name;  ///< Lives for ever: "login", "route", "RCPT".
  std::string words;      ///< What was decided, or what the other side said.
};

/// The steps of one message, or of one connection that is tried out. Belongs to the task that works
/// on it. Its size is bounded: long words are cut, and steps past kMostSteps are only counted,
/// except the verdicts (`note_verdict`).
class Story {
 public:
  static constexpr std::size_t kMostSteps = 100;
  static constexpr std::size_t kMostWords = 1024;

  /// `name` must live for ever.
  void note(TimePoint when, std::string_view name, std::string_view words);
  /// The same for what must not be missing from a long story: each upstream's verdict.
  void note_verdict(TimePoint when, std::string_view name, std::string_view words);

  const std::vector<Step>& steps() const { return steps_; }
  std::vector<Step> take_steps() { return std::move(steps_); }
  /// Steps that were not kept.
  std::size_t left_out() const { return left_out_; }

 private:
  void add(TimePoint when, std::string_view name, std::string_view words);

  std::vector<Step> steps_;
  std::size_t verdicts_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace sallyport::trace
