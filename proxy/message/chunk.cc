#include "proxy/message/chunk.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "proxy/base/sanitizers.h"

namespace sallyport::message {
namespace {

// Half a megabyte a thread.
constexpr std::size_t kMostSpare = kUnderAddressSanitizer ? 0 : 32;

// A list through the spare chunks themselves.
struct Spare {
  Spare* next;
};

struct SpareChunks {
  Spare* first = nullptr;
  std::size_t count = 0;

  ~SpareChunks() {
    while (first) ::operator delete(std::exchange(first, first->next));
    count = kMostSpare;  // what is released after this goes straight to the heap
  }
};

thread_local SpareChunks spares;

char* allocate(std::size_t capacity) {
  if (capacity == Chunk::kCommonSize && spares.first != nullptr) {
    --spares.count;
    return reinterpret_cast<char*>(std::exchange(spares.first, spares.first->next));
  }
  return static_cast<char*>(::operator new(capacity));
}

void release(char* octets, std::size_t capacity) {
  if (octets == nullptr) return;
  if (capacity != Chunk::kCommonSize || spares.count >= kMostSpare) {
    return ::operator delete(octets);
  }
  spares.first = new (octets) Spare{spares.first};
  ++spares.count;
}

}  // namespace

Chunk::Chunk(std::size_t capacity)
    : octets_(allocate(round_up(capacity))), capacity_(round_up(capacity)) {}

Chunk::Chunk(Chunk&& other) noexcept
    : octets_(std::exchange(other.octets_, nullptr)),
      capacity_(other.capacity_),
      size_(std::exchange(other.size_, 0)) {}

Chunk& Chunk::operator=(Chunk&& other) noexcept {
  std::swap(octets_, other.octets_);
  std::swap(capacity_, other.capacity_);
  std::swap(size_, other.size_);
  return *this;
}

Chunk::~Chunk() { release(octets_, capacity_); }

void Chunk::fill_from(std::string_view& octets) {
  const std::size_t count = std::min(octets.size(), capacity_ - size_);
  std::memcpy(octets_ + size_, octets.data(), count);
  size_ += count;
  octets.remove_prefix(count);
}

}  // namespace sallyport::message
