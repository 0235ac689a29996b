// Notices that files were replaced: certificates, keys, folders of them, the users file.
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
  /// Watches these files from now on. Those that are new count as seen as they are now, the others
  /// as they were when last looked at. Empty names are left out. A folder is different when
  /// something in it or in its subfolders is, but for what begins with a dot.
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
    std::size_t inside = 0;  // of a folder: what all of it comes to
    bool operator==(const Stamp&) const = default;
  };
  static bool stamp(const std::string& file, Stamp& out, int depth = 2);

  std::map<std::string, Stamp> seen_;
};

}  // namespace sallyport::server
