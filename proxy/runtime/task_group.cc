#include "proxy/runtime/task_group.h"

#include <cassert>

namespace sallyport::runtime {

TaskGroup::~TaskGroup() { assert(size() == 0 && "a task group must be joined"); }

void TaskGroup::spawn(Task<void> task) {
  ended_.clear();
  // The place in the list comes first, since the wrapping task must know where it will stand.
  const auto place = tasks_.insert(tasks_.end(), std::move(task));
  Task<void> wrapped = run(std::move(*place), running_.enter(), place);
  *place = std::move(wrapped);
  loop_.resume_soon(place->start());
}

Task<void> TaskGroup::run(Task<void> task, InFlight::Hold hold,
                          std::list<Task<void>>::iterator self) {
  const InFlight::Hold counted = std::move(hold);  // not before the frame is in `ended_`
  {
    Task<void> work = std::move(task);  // what the task owns is gone before the group says so
    co_await std::move(work);
  }
  ended_.splice(ended_.end(), tasks_, self);
}

Task<Result<void>> TaskGroup::join(TimePoint deadline) {
  const auto drained = co_await running_.drained(deadline);
  if (!drained) co_return drained;
  ended_.clear();
  co_return {};
}

}  // namespace sallyport::runtime
