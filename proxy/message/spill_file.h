// A temporary file without a name, for content that is too big for memory. Everything here blocks:
// it is called on the thread pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::message {

/// Owns a file that nobody else can open and that is gone when we are, however we end. Move-only.
class SpillFile {
 public:
  /// Makes one in `directory`, readable by nobody else. kLimit when the disk is full or descriptors
  /// ran out, kSystem otherwise; the text names the directory.
  static Result<SpillFile> create(const std::string& directory);
  SpillFile(SpillFile&& other) noexcept;
  SpillFile& operator=(SpillFile&& other) noexcept;
  ~SpillFile();

  /// Appends all of `octets`; kLimit when the disk is full, or a quota or RLIMIT_FSIZE is reached.
  /// After a failure the file is of no use.
  Result<void> append(std::string_view octets);
  /// Reads `buffer` full from `offset` on; what is asked for must have been appended.
  Result<void> read(std::uint64_t offset, std::span<char> buffer) const;
  std::uint64_t size() const { return size_; }

 private:
  explicit SpillFile(int descriptor) : descriptor_(descriptor) {}

  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace sallyport::message
