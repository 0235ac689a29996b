// Memory for coroutine frames: a free list a thread and size class, since the same few frames come
// and go with each read and write. Under AddressSanitizer it steps aside, so that stale frames are
// caught.
#pragma once

#include <cstddef>

namespace sallyport::runtime {

/// Frames are allocated and released on the same thread; each thread's list is freed when it ends.
class FrameCache {
 public:
  static void* allocate(std::size_t size);
  static void release(void* frame, std::size_t size);
};

}  // namespace sallyport::runtime
