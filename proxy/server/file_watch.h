// Notices that files were replaced: certificates, keys, the users file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sallyport::server {

/// Compares what stat says of a set of files with what it said before. Polling instead of inotify,
/// since a Kubernetes Secret is swapped by a symlink two folders up, and network file systems tell
/// nobody.
class FileWatch {
 public:
  /// Watches these files from now on; as they are now counts as seen. Empty names are left out.
  void watch(const std::vector<std::string>& files);
  /// The files that are different from when last asked; symbolic links are followed. A file that
  /// went away is reported when it is back: replacing is not always atomic.
  std::vector<std::string> changed();

 private:
  struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = -1;
    std::int64_t modified_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  static bool stamp(const std::string& file, Stamp& out);

  std::map<std::string, Stamp> seen_;
};

}  // namespace sallyport::server
