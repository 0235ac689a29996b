#include "proxy/base/log_writer.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace sallyport::log {
namespace {

// How long one wait may last before we look whether to give up.
constexpr int kWaitMilliseconds = 100;
// How long a full disk may take to have room again.
constexpr Duration kRecovery = std::chrono::seconds(1);

}  // namespace

LineWriter::LineWriter(int descriptor, const std::atomic<bool>& abandoned)
    : descriptor_(descriptor), abandoned_(abandoned) {
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return;
  is_socket_ = S_ISSOCK(status.st_mode);
  may_block_ = is_socket_ || S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode);
}

std::size_t LineWriter::write(std::string_view batch, std::span<const LineSize> lines) {
  if (!begun_.empty()) {
    begun_.erase(0, put(begun_));
    if (!begun_.empty()) return 0;
  }
  std::size_t written = put(batch);
  std::size_t taken = 0;
  while (taken < lines.size() && written >= lines[taken].octets) {
    written -= lines[taken].octets;
    batch.remove_prefix(lines[taken].octets);
    ++taken;
  }
  if (written == 0 || abandoned_) return taken;
  begun_ = batch.substr(written, lines[taken].octets - written);
  return taken + 1;
}

std::size_t LineWriter::put(std::string_view octets) {
  std::size_t written = 0;
  while (written < octets.size()) {
    if (may_block_ && !wait_until_writable()) break;
    const long count = write_some(octets.substr(written));
    if (count > 0) {
      written += static_cast<std::size_t>(count);
      failing_since_.reset();
    } else if (count == 0 || !may_recover(errno)) {
      break;
    }
  }
  return written;
}

long LineWriter::write_some(std::string_view octets) const {
  if (is_socket_) {
    return ::send(descriptor_, octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  // A pipe that is writable takes this many octets without blocking (pipe(7)).
  const std::size_t size =
      may_block_ ? std::min<std::size_t>(octets.size(), PIPE_BUF) : octets.size();
  return ::write(descriptor_, octets.data(), size);
}

bool LineWriter::wait_until_writable() const {
  while (!abandoned_) {
    pollfd poll{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&poll, 1, kWaitMilliseconds);
    // An error is what the write will say.
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
  return false;
}

bool LineWriter::may_recover(int error) {
  switch (error) {
    case EINTR:
      return !abandoned_;
    case EAGAIN:
      return wait_until_writable();
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO:
    case ENOBUFS:
    case ENOMEM:
      break;
    default:
      return false;  // nothing reads it any more
  }
  const TimePoint now = std::chrono::steady_clock::now();
  if (!failing_since_) failing_since_ = now;
  if (abandoned_ || now - *failing_since_ >= kRecovery) return false;
  ::poll(nullptr, 0, kWaitMilliseconds);
  return true;
}

}  // namespace sallyport::log
