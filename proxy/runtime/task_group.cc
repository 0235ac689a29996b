#include "proxy/runtime/task_group.h"

#include <cassert>

namespace sallyport::runtime {

TaskGroup::~TaskGroup() { assert(size_ == 0 && "a task group must be joined"); }

void TaskGroup::spawn(Task<void> task) {
  ended_.clear();
  ++size_;
  empty_.reset();
  // The place in the list comes first, since the wrapping task must know where it will stand.
  const auto place = tasks_.insert(tasks_.end(), std::move(task));
  Task<void> wrapped = run(std::move(*place), place);
  *place = std::move(wrapped);
  loop_.resume_soon(place->start());
}

Task<void> TaskGroup::run(Task<void> task, std::list<Task<void>>::iterator self) {
  {
    Task<void> work = std::move(task);  // what the task owns is gone before the group says so
    co_await std::move(work);
  }
  ended_.splice(ended_.end(), tasks_, self);
  if (--size_ == 0) empty_.set();
}

Task<Result<void>> TaskGroup::join(TimePoint deadline) {
  while (size_ > 0) {
    const auto waited = co_await empty_.wait(deadline);
    if (!waited) co_return fail(waited.error());
  }
  ended_.clear();
  co_return {};
}

}  // namespace sallyport::runtime
