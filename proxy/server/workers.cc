#include "proxy/server/workers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/runtime/event.h"

namespace sallyport::server {

using runtime::Task;

void Workers::start(unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    ++running_;
    workers_.push_back(std::make_unique<Worker>(
        shared_,
        Worker::Callbacks{.answered =
                              [this](std::uint64_t call, std::vector<config::Problem> problems) {
                                loop_.post([this, call, problems = std::move(problems)] {
                                  answered(call, problems);
                                });
                              },
                          .ended =
                              [this](bool clean) {
                                loop_.post([this, clean] {
                                  --running_;
                                  clean_ = clean_ && clean;
                                  on_ended_();
                                });
                              }}));
  }
}

Task<std::vector<config::Problem>> Workers::prepare(Snapshot snapshot, TimePoint deadline) {
  ++call_;
  problems_.clear();
  due_.clear();
  for (const auto& worker : workers_) {
    due_.push_back(answers_.enter());
    worker->prepare(snapshot, call_);
  }
  const auto answered = co_await all_answered(deadline);
  if (!answered) {
    problems_.push_back(
        {.file = snapshot.config->file, .line = 0, .column = 0, .what = answered.error().text});
  }
  co_return std::exchange(problems_, {});
}

Task<Result<void>> Workers::commit(TimePoint deadline) {
  ++call_;
  problems_.clear();
  due_.clear();
  for (const auto& worker : workers_) {
    due_.push_back(answers_.enter());
    worker->commit(call_);
  }
  co_return co_await all_answered(deadline);
}

Task<Result<void>> Workers::all_answered(TimePoint deadline) {
  if (cancelled_) due_.clear();
  const auto drained = co_await answers_.drained(deadline);
  due_.clear();
  if (cancelled_) co_return fail(ErrorCode::kCancelled, "sallyport is stopping");
  if (!drained) co_return fail(ErrorCode::kTimeout, "a worker did not answer in time");
  co_return {};
}

void Workers::answered(std::uint64_t call, std::vector<config::Problem> problems) {
  if (call != call_ || due_.empty()) return;  // it was given up
  for (config::Problem& problem : problems) {
    if (std::ranges::find(problems_, problem) == problems_.end()) {
      problems_.push_back(std::move(problem));
    }
  }
  due_.pop_back();
}

void Workers::abandon() {
  for (const auto& worker : workers_) worker->abandon();
}

void Workers::cancel() {
  cancelled_ = true;
  due_.clear();
}

void Workers::ping() {
  for (const auto& worker : workers_) worker->ping();
}

Result<void> Workers::live(Duration longest_turn) const {
  const TimePoint oldest = std::chrono::steady_clock::now() - longest_turn;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->last_sign_of_life() < oldest) {
      return fail(ErrorCode::kTimeout, fmt::format("worker {} does not turn", i));
    }
  }
  return {};
}

void Workers::drain(Duration at_most) {
  for (const auto& worker : workers_) worker->drain(at_most);
}

void Workers::abort() {
  for (const auto& worker : workers_) worker->abort();
}

Task<void> Workers::join() {
  workers_.clear();
  // What they posted before still refers to this.
  runtime::Event caught_up(loop_);
  loop_.post([&caught_up] { caught_up.set(); });
  (void)co_await caught_up.wait();
}

}  // namespace sallyport::server
