// Unix signals as events of a loop.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "proxy/runtime/loop.h"

namespace sallyport::runtime {

/// Calls a function on the loop's thread for each of the signals, from construction to destruction.
/// One loop of the process should do this.
class Signals {
 public:
  Signals(Loop& loop, std::initializer_list<int> signals, std::function<void(int)> received);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Handle;
  std::function<void(int)> received_;
  std::vector<Handle*> handles_;  // libuv's; they free themselves after closing
};

}  // namespace sallyport::runtime
