#include "proxy/trace/story.h"

namespace sallyport::trace {

void Story::note(TimePoint when, std::string_view name, std::string_view words) {
  if (steps_.size() - verdicts_ >= kMostSteps) {
    ++left_out_;
    return;
  }
  add(when, name, words);
}

void Story::note_verdict(TimePoint when, std::string_view name, std::string_view words) {
  if (verdicts_ >= kMostSteps) {
    ++left_out_;
    return;
  }
  ++verdicts_;
  add(when, name, words);
}

void Story::add(TimePoint when, std::string_view name, std::string_view words) {
  Step& step = steps_.emplace_back(Step{.when = when, .name = name, .words = {}});
  step.words = words.substr(0, kMostWords);
  if (words.size() > kMostWords) step.words += "…";
}

}  // namespace sallyport::trace
