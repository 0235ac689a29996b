#include "proxy/message/spill_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/base/unnamed_file.h"

namespace sallyport::message {
namespace {

std::unexpected<Error> failed(const std::string& what, int error) {
  const bool lacking = error == ENOSPC || error == EDQUOT || error == EFBIG || error == EMFILE ||
                       error == ENFILE || error == ENOMEM;
  return fail(lacking ? ErrorCode::kLimit : ErrorCode::kSystem, what + ": " + std::strerror(error));
}

}  // namespace

Result<SpillFile> SpillFile::create(const std::string& directory) {
  const int descriptor = create_unnamed_file(directory);
  if (descriptor < 0) return failed("a temporary file in " + directory, errno);
  return SpillFile(descriptor);
}

SpillFile::SpillFile(SpillFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_(std::exchange(other.size_, 0)) {}

SpillFile& SpillFile::operator=(SpillFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

SpillFile::~SpillFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> SpillFile::append(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_, octets.data(), octets.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("writing a temporary file", errno);
    octets.remove_prefix(static_cast<std::size_t>(written));
    size_ += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<void> SpillFile::read(std::uint64_t offset, std::span<char> buffer) const {
  while (!buffer.empty()) {
    const ssize_t count =
        ::pread(descriptor_, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("reading a temporary file", errno);
    if (count == 0) return fail(ErrorCode::kSystem, "a temporary file is shorter than it was");
    buffer = buffer.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace sallyport::message
