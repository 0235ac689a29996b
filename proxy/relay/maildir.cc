#include "proxy/relay/maildir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "proxy/base/ascii.h"

namespace sallyport::relay {
namespace {

std::unexpected<Error> system_failure(std::string_view what, const std::string& where) {
  const bool shortage =
      errno == EMFILE || errno == ENFILE || errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
  return fail(shortage ? ErrorCode::kLimit : ErrorCode::kSystem,
              fmt::format("{} {}: {}", what, where, std::strerror(errno)));
}

/// Time, process and a count make the name unique on this machine, the host name beyond it.
std::string unique_name(std::string_view hostname) {
  static std::atomic<std::uint64_t> count{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now);
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now - seconds);
  std::string name =
      fmt::format("{}.M{:06}P{}Q{}.{}", seconds.count(), microseconds.count(), ::getpid(),
                  count.fetch_add(1, std::memory_order_relaxed), hostname);
  std::ranges::replace_if(
      name, [](char c) { return c == '/' || c == ':' || c == ' ' || ascii::is_control(c); }, '_');
  return name;
}

Result<void> make_folders(const std::string& path) {
  for (const char* const folder : {"/tmp", "/new", "/cur"}) {
    std::error_code error;
    std::filesystem::create_directories(path + folder, error);
    if (error) {
      return fail(ErrorCode::kSystem, fmt::format("make {}{}: {}", path, folder, error.message()));
    }
  }
  return {};
}

int open_new(const std::string& file) {
  return ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

Result<void> flush_folder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return system_failure("open", folder);
  const int flushed = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  errno = error;
  if (flushed != 0) return system_failure("flush", folder);
  return {};
}

}  // namespace

Result<MaildirFile> MaildirFile::create(const std::string& path, std::string_view hostname) {
  std::string name = unique_name(hostname);
  const std::string file = path + "/tmp/" + name;
  int descriptor = open_new(file);
  if (descriptor < 0 && errno == ENOENT) {
    if (const auto made = make_folders(path); !made) return fail(made.error());
    descriptor = open_new(file);
  }
  if (descriptor < 0) return system_failure("create", file);
  return MaildirFile(path, std::move(name), descriptor);
}

MaildirFile::MaildirFile(std::string path, std::string name, int descriptor)
    : path_(std::move(path)), name_(std::move(name)), descriptor_(descriptor) {}

MaildirFile::MaildirFile(MaildirFile&& other) noexcept
    : path_(std::move(other.path_)),
      name_(std::move(other.name_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      committed_(other.committed_) {}

MaildirFile::~MaildirFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!committed_) ::unlink((path_ + "/tmp/" + name_).c_str());
}

Result<void> MaildirFile::write(std::span<const std::string_view> pieces) {
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const ssize_t written = ::write(descriptor_, piece.data(), piece.size());
      if (written >= 0) {
        piece.remove_prefix(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        return system_failure("write", path_ + "/tmp/" + name_);
      }
    }
  }
  return {};
}

Result<void> MaildirFile::commit() {
  const std::string from = path_ + "/tmp/" + name_;
  const std::string to = path_ + "/new/" + name_;
  if (::fsync(descriptor_) != 0) return system_failure("flush", from);
  if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("move", from);
  committed_ = true;
  // A message we answer 4xx for must not be there: the client will send it again.
  const auto flushed = flush_folder(path_ + "/new");
  if (!flushed) ::unlink(to.c_str());
  return flushed;
}

}  // namespace sallyport::relay
