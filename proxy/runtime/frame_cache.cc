#include "proxy/runtime/frame_cache.h"

#include <array>
#include <new>
#include <utility>

#include "proxy/base/sanitizers.h"

namespace sallyport::runtime {
namespace {

constexpr std::size_t kClassSize = 64;
constexpr std::size_t kClasses = 64;        // frames up to 4 KiB
constexpr std::size_t kMostPerClass = 256;  // idle sessions' frames are in use, not in here

struct FreeFrame {
  FreeFrame* next;
};

struct FreeLists {
  struct List {
    FreeFrame* first = nullptr;
    std::size_t length = 0;
  };
  std::array<List, kClasses> lists;

  ~FreeLists() {
    for (List& list : lists) {
      while (list.first) ::operator delete(std::exchange(list.first, list.first->next));
      list.length = kMostPerClass;  // what is released after this goes straight to the heap
    }
  }
};

thread_local FreeLists free_lists;

constexpr std::size_t class_of(std::size_t size) { return (size - 1) / kClassSize; }

}  // namespace

void* FrameCache::allocate(std::size_t size) {
  const std::size_t index = class_of(size);
  if (kUnderAddressSanitizer || index >= kClasses) return ::operator new(size);
  FreeLists::List& list = free_lists.lists[index];
  if (!list.first) return ::operator new((index + 1) * kClassSize);
  --list.length;
  return std::exchange(list.first, list.first->next);
}

void FrameCache::release(void* frame, std::size_t size) {
  const std::size_t index = class_of(size);
  if (kUnderAddressSanitizer || index >= kClasses) return ::operator delete(frame);
  FreeLists::List& list = free_lists.lists[index];
  if (list.length >= kMostPerClass) return ::operator delete(frame);
  list.first = new (frame) FreeFrame{list.first};
  ++list.length;
}

}  // namespace sallyport::runtime
