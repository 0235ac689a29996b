// A piece of memory that content is gathered in. Chunks of the common size are kept for reuse, a
// few a thread, since a message of ten kilobytes needs exactly one.
#pragma once

#include <cstddef>
#include <string_view>

namespace sallyport::message {

/// Owns `capacity` octets, of which the first `size` are content. Move-only.
class Chunk {
 public:
  /// The smallest chunk, and the size that is kept for reuse.
  static constexpr std::size_t kCommonSize = 16 * 1024;

  /// A chunk of at least `capacity` octets: kCommonSize, or else a multiple of it.
  explicit Chunk(std::size_t capacity);
  Chunk(Chunk&& other) noexcept;
  Chunk& operator=(Chunk&& other) noexcept;
  ~Chunk();

  /// The size that a chunk of at least `capacity` octets will have.
  static constexpr std::size_t round_up(std::size_t capacity) {
    return capacity <= kCommonSize ? kCommonSize
                                   : (capacity + kCommonSize - 1) / kCommonSize * kCommonSize;
  }

  /// Copies as much from the front of `octets` (which shrinks) as there is room for.
  void fill_from(std::string_view& octets);
  /// Empties it; its memory stays.
  void clear() { size_ = 0; }

  bool is_full() const { return size_ == capacity_; }
  std::size_t capacity() const { return capacity_; }
  /// The content; valid until the chunk is cleared or dies.
  std::string_view content() const { return {octets_, size_}; }

 private:
  char* octets_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

}  // namespace sallyport::message
