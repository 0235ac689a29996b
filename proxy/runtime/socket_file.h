// A listening unix socket, known by its name in the file system: only processes that may open the
// file reach it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "proxy/base/result.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/tcp.h"

namespace sallyport::runtime {

/// The name of a socket that this process listens on. Removes it when it dies, unless another
/// process has put its own socket there by then. Move-only.
class SocketFile {
 public:
  /// Of no socket.
  SocketFile() = default;
  /// Of the socket that is at `path` now.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile() { remove(); }

  /// Removes it now, so that the next process can listen there; connections that are open go on.
  void remove();
  const std::string& path() const { return path_; }

 private:
  std::string path_;  // empty: there is none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// A socket and its name. The listener gives what a TcpListener gives, but for addresses.
struct ListeningFile {
  std::unique_ptr<TcpListener> listener;
  SocketFile file;
};

/// Listens at `path`, with mode 0600 from the first moment on. A socket that a dead process left
/// there is replaced. The error says what is in the way: a process that listens there (with its
/// pid), a file that is no socket, a folder that is missing.
Result<ListeningFile> listen_on_file(Loop& loop, const std::string& path);

/// Which process listens at `path`, in words ("process 4711 (sallyport)"); nullopt: none does.
std::optional<std::string> listener_at(const std::string& path);

}  // namespace sallyport::runtime
