#include "proxy/runtime/socket_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace sallyport::runtime {
namespace {

constexpr int kBacklog = 64;
constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

/// A descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

std::unexpected<Error> failed(const std::string& path, const std::string& why) {
  return fail(ErrorCode::kSystem, "listen at " + path + ": " + why);
}

int open_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  path.copy(address.sun_path, path.size());
  return address;
}

bool connects(int descriptor, const sockaddr_un& address) {
  // EAGAIN: its backlog is full, so somebody listens.
  return ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN;
}

std::string describe_peer(int descriptor) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) {
    return "another process";
  }
  std::string name;
  std::ifstream comm("/proc/" + std::to_string(peer.pid) + "/comm");
  std::getline(comm, name);
  return "process " + std::to_string(peer.pid) + (name.empty() ? "" : " (" + name + ")");
}

/// Two processes that begin at the same time must not take each other's new socket for a stale one:
/// until the lock on its folder is released, the other one waits.
int lock_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) (void)::flock(descriptor, LOCK_EX);
  return descriptor;
}

/// Makes room for a new socket: removes one that nobody listens on.
Result<void> remove_stale(const std::string& path) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0) {
    if (errno == ENOENT) return {};
    return failed(path, std::strerror(errno));
  }
  if (!S_ISSOCK(there.st_mode)) return failed(path, "there is a file that is no socket");
  if (const auto who = listener_at(path)) return failed(path, *who + " listens there");
  if (::unlink(path.c_str()) != 0) return failed(path, std::strerror(errno));
  return {};
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat there{};
  if (::lstat(path_.c_str(), &there) == 0) {
    device_ = there.st_dev;
    inode_ = there.st_ino;
  }
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  if (this == &other) return *this;
  remove();
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

void SocketFile::remove() {
  if (path_.empty()) return;
  struct stat there{};
  const bool ours =
      ::lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ && there.st_ino == inode_;
  if (ours) (void)::unlink(path_.c_str());
  path_.clear();
}

std::optional<std::string> listener_at(const std::string& path) {
  const auto address = address_of(path);
  const Descriptor descriptor(open_socket());
  if (!address || descriptor.get() < 0 || !connects(descriptor.get(), *address)) {
    return std::nullopt;
  }
  return describe_peer(descriptor.get());
}

Result<ListeningFile> listen_on_file(Loop& loop, const std::string& path) {
  const auto address = address_of(path);
  if (!address) return failed(path, "the path is too long for a socket");
  const Descriptor folder(lock_folder_of(path));
  if (folder.get() < 0) {
    return failed(path, std::string("its folder cannot be opened: ") + std::strerror(errno));
  }
  if (const auto free = remove_stale(path); !free) return fail(free.error());
  Descriptor descriptor(open_socket());
  if (descriptor.get() < 0) return failed(path, std::strerror(errno));
  // Linux gives the file the mode of the socket (less the umask): there is no moment at which
  // others may open it.
  if (::fchmod(descriptor.get(), kOwnerOnly) != 0 ||
      ::bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) !=
          0) {
    return failed(path, std::strerror(errno));
  }
  SocketFile file(path);
  if (::listen(descriptor.get(), kBacklog) != 0) return failed(path, std::strerror(errno));
  return ListeningFile{.listener = std::make_unique<TcpListener>(loop, descriptor.release()),
                       .file = std::move(file)};
}

}  // namespace sallyport::runtime
