#include "proxy/runtime/tcp.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sallyport::runtime {
namespace {

constexpr int kBacklog = 1024;
// In a flood of connections those that are open get their turn after so many new ones.
constexpr unsigned kMostInARow = 64;
// What a stream may do for its peer in one turn, in octets: four reads that fill the buffer.
constexpr std::uint32_t kMostInATurn = 256 * 1024;
// What a call costs beside its octets: sixteen calls are a turn's worth, however small.
constexpr std::size_t kCallCost = 16 * 1024;
// What a peer may still send after our goodbye before we stop listening to it.
constexpr std::size_t kMostDrained = 1 << 20;

std::string reason(int error) { return std::strerror(error); }

void set_option(int descriptor, int level, int option, int value) {
  setsockopt(descriptor, level, option, &value, sizeof value);
}

std::string connecting(const SocketAddress& address) {
  return "connect to " + address.str() + ": ";
}

int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

/// The process or the host has run out of something that a connection needs.
bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
         error == EADDRNOTAVAIL || error == EAGAIN;
}

/// Asks now. The kernel looks for a descriptor before it looks whether there is a connection for
/// it.
bool is_readable(int descriptor) {
  pollfd asked{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) > 0;
}

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

/// Drops the first `count` octets of `pieces`: views shrink in place.
void drop_front(std::span<iovec>& pieces, std::size_t count) {
  while (!pieces.empty() && count >= pieces.front().iov_len) {
    count -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (count > 0) {
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + count;
    pieces.front().iov_len -= count;
  }
}

}  // namespace

TcpStream::TcpStream(Loop& loop, int descriptor, const SocketAddress& peer)
    : loop_(loop), poller_(loop, descriptor), peer_(peer), budget_(loop, kMostInATurn) {
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
}

Task<Result<std::string_view>> TcpStream::read(TimePoint deadline) {
  if (budget_.is_spent()) co_await loop_.next_turn();
  // Octets that are here already must not hide that the reader was told to stop, or is late.
  if (const auto allowed = poller_.may_read(deadline); !allowed) co_return fail(allowed.error());
  const std::span<char> buffer = loop_.scratch(Loop::Scratch::kWire);
  if (unread_) co_return give_unread(buffer);
  while (true) {
    if (!poller_.maybe_readable()) {
      const auto ready = co_await poller_.readable(deadline);
      if (!ready) co_return fail(ready.error());
    }
    const ssize_t count = ::recv(poller_.descriptor(), buffer.data(), buffer.size(), 0);
    if (count == 0) co_return fail(ErrorCode::kClosed, "the peer closed the connection");
    if (count > 0) {
      const auto size = static_cast<std::size_t>(count);
      if (size < buffer.size()) poller_.used_up();
      spend(size);
      co_return std::string_view(buffer.data(), size);
    }
    if (would_block(errno)) {
      poller_.used_up();
    } else if (errno != EINTR) {
      co_return fail(ErrorCode::kNetwork, "read: " + reason(errno));
    }
  }
}

Task<Result<void>> TcpStream::write(std::span<const std::string_view> pieces, TimePoint deadline) {
  std::array<iovec, 64> vectors;
  while (!pieces.empty()) {
    const std::size_t count = std::min(pieces.size(), vectors.size());
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
    }
    pieces = pieces.subspan(count);
    std::span<iovec> batch(vectors.data(), count);
    drop_front(batch, 0);
    while (!batch.empty()) {
      if (budget_.is_spent()) {
        co_await loop_.next_turn();
        if (const auto allowed = poller_.may_write(deadline); !allowed) {
          co_return fail(allowed.error());
        }
      }
      msghdr message{};
      message.msg_iov = batch.data();
      message.msg_iovlen = batch.size();
      const ssize_t sent = ::sendmsg(poller_.descriptor(), &message, MSG_NOSIGNAL);
      if (sent >= 0) {
        drop_front(batch, static_cast<std::size_t>(sent));
        spend(static_cast<std::size_t>(sent));
      } else if (would_block(errno)) {
        const auto ready = co_await poller_.writable(deadline);
        if (!ready) co_return fail(ready.error());
      } else if (errno != EINTR) {
        co_return fail(ErrorCode::kNetwork, "write: " + reason(errno));
      }
    }
  }
  co_return {};
}

void TcpStream::spend(std::size_t octets) { budget_.spend(kCallCost + octets); }

/// What was put back, in the scratch that all reads give.
std::string_view TcpStream::give_unread(std::span<char> buffer) {
  const std::size_t size = unread_->copy(buffer.data(), buffer.size());
  unread_.reset();
  return {buffer.data(), size};
}

bool TcpStream::has_arrived() {
  char octet = 0;
  return unread_ || ::recv(poller_.descriptor(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void TcpStream::unread(std::string_view octets) {
  assert(!unread_ && octets.size() <= loop_.scratch(Loop::Scratch::kWire).size());
  if (!octets.empty()) unread_ = std::make_unique<std::string>(octets);
}

void TcpStream::abort() {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(poller_.descriptor(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  poller_.cancel_all();
}

Task<void> TcpStream::finish(TimePoint deadline) {
  ::shutdown(poller_.descriptor(), SHUT_WR);
  poller_.allow_reads();
  for (std::size_t drained = 0; drained < kMostDrained;) {
    const auto octets = co_await read(deadline);
    if (!octets) co_return;
    drained += octets->size();
  }
}

Task<Result<void>> TcpStream::connected(TimePoint deadline) {
  const auto ready = co_await poller_.writable(deadline);
  if (!ready) co_return fail(ready.error().code, connecting(peer_) + ready.error().text);
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(poller_.descriptor(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) co_return fail(ErrorCode::kNetwork, connecting(peer_) + reason(error));
  co_return {};
}

void TcpStream::acknowledge_now() {
  set_option(poller_.descriptor(), IPPROTO_TCP, TCP_QUICKACK, 1);
}

bool is_out_of_descriptors() {
  const int descriptor = open_spare();
  if (descriptor >= 0) ::close(descriptor);
  return descriptor < 0 && (errno == EMFILE || errno == ENFILE);
}

Result<std::unique_ptr<TcpStream>> begin_connect(Loop& loop, const SocketAddress& address) {
  const int descriptor =
      ::socket(address.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return fail(is_shortage(errno) ? ErrorCode::kLimit : ErrorCode::kSystem,
                "socket: " + reason(errno));
  }
  auto stream = std::make_unique<TcpStream>(loop, descriptor, address);
  if (::connect(descriptor, address.get(), address.size()) != 0 && errno != EINPROGRESS) {
    return fail(is_shortage(errno) ? ErrorCode::kLimit : ErrorCode::kNetwork,
                connecting(address) + reason(errno));
  }
  return stream;
}

Task<Result<std::unique_ptr<TcpStream>>> connect(Loop& loop, SocketAddress address,
                                                 TimePoint deadline) {
  auto stream = begin_connect(loop, address);
  if (!stream) co_return fail(stream.error());
  const auto connected = co_await (*stream)->connected(deadline);
  if (!connected) co_return fail(connected.error());
  co_return stream;
}

namespace {

/// A socket that is bound to `address`; or errno, negative.
int bind_socket(const SocketAddress& address, bool reuse_port) {
  const int descriptor =
      ::socket(address.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (reuse_port) set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (::bind(descriptor, address.get(), address.size()) == 0) return descriptor;
  const int error = errno;
  ::close(descriptor);
  return -error;
}

/// The same, and it listens.
Result<int> listening_socket(const SocketAddress& address, bool reuse_port) {
  const int descriptor = bind_socket(address, reuse_port);
  int error = -descriptor;
  if (descriptor >= 0) {
    if (::listen(descriptor, kBacklog) == 0) return descriptor;
    error = errno;
    ::close(descriptor);
  }
  const char* hint = error == EACCES       ? " (ports below 1024 need CAP_NET_BIND_SERVICE)"
                     : error == EADDRINUSE ? " (another process listens there)"
                                           : "";
  return fail(ErrorCode::kSystem, "listen on " + address.str() + ": " + reason(error) + hint);
}

}  // namespace

bool is_listened_on(const SocketAddress& address) {
  const int descriptor = bind_socket(address, false);
  if (descriptor >= 0) ::close(descriptor);
  return descriptor == -EADDRINUSE;
}

Result<std::unique_ptr<TcpListener>> TcpListener::listen(Loop& loop, const SocketAddress& address) {
  const auto descriptor = listening_socket(address, true);
  if (!descriptor) return fail(descriptor.error());
  return std::make_unique<TcpListener>(loop, *descriptor);
}

Result<std::unique_ptr<TcpListener>> TcpListener::listen_alone(Loop& loop,
                                                               const SocketAddress& address) {
  auto descriptor = listening_socket(address, false);
  // With SO_REUSEPORT the kernel lets us in only where each other listener allows it.
  if (!descriptor) descriptor = listening_socket(address, true);
  if (!descriptor) return fail(descriptor.error());
  return std::make_unique<TcpListener>(loop, *descriptor);
}

void TcpListener::share() { set_option(poller_.descriptor(), SOL_SOCKET, SO_REUSEPORT, 1); }

Arrival::~Arrival() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Arrival::say(std::string_view octets) const {
  (void)::send(descriptor_, octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::unique_ptr<TcpStream> Arrival::stream(Loop& loop) && {
  return std::make_unique<TcpStream>(loop, std::exchange(descriptor_, -1), peer_);
}

TcpListener::TcpListener(Loop& loop, int descriptor)
    : poller_(loop, descriptor), spare_(open_spare()) {}

TcpListener::~TcpListener() {
  if (spare_ >= 0) ::close(spare_);
}

void TcpListener::bound_sends(int octets) {
  // Accepted sockets inherit both: no system call for each.
  set_option(poller_.descriptor(), SOL_SOCKET, SO_SNDBUF, octets);
  set_option(poller_.descriptor(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, octets / 2);
}

Task<Result<Arrival>> TcpListener::accept() {
  if (spare_ < 0) spare_ = open_spare();
  bool last_resort = false;
  while (true) {
    if (in_a_row_ >= kMostInARow) {
      in_a_row_ = 0;
      // At once if more are in the queue: but the loop has turned by then.
      const auto ready = co_await poller_.readable(kNever);
      if (!ready) co_return fail(ready.error());
    }
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int descriptor = ::accept4(poller_.descriptor(), reinterpret_cast<sockaddr*>(&peer),
                                     &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      ++in_a_row_;
      co_return Arrival(descriptor,
                        SocketAddress::from(reinterpret_cast<const sockaddr*>(&peer), size),
                        last_resort);
    }
    const int error = errno;
    const bool out_of_descriptors = error == EMFILE || error == ENFILE;
    if (would_block(error) || (out_of_descriptors && !is_readable(poller_.descriptor()))) {
      // Nothing is in the queue: the spare descriptor is for the connection that will be.
      if (std::exchange(last_resort, false)) spare_ = open_spare();
      in_a_row_ = 0;
      poller_.used_up();
      const auto ready = co_await poller_.readable(kNever);
      if (!ready) co_return fail(ready.error());
    } else if (out_of_descriptors && spare_ >= 0) {
      ::close(std::exchange(spare_, -1));
      last_resort = true;
    } else if (out_of_descriptors || error == ENOBUFS || error == ENOMEM) {
      co_return fail(ErrorCode::kSystem, "accept: " + reason(error));
    }
    // Anything else is the fate of one connection that died in the queue: take the next.
  }
}

SocketAddress TcpListener::local() const {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  getsockname(poller_.descriptor(), reinterpret_cast<sockaddr*>(&local), &size);
  return SocketAddress::from(reinterpret_cast<const sockaddr*>(&local), size);
}

}  // namespace sallyport::runtime
