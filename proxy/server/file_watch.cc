#include "proxy/server/file_watch.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>

namespace sallyport::server {

bool FileWatch::stamp(const std::string& file, Stamp& out, int depth) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return false;
  if (!S_ISDIR(status.st_mode)) {
    out = {.device = status.st_dev,
           .inode = status.st_ino,
           .size = status.st_size,
           .modified_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec};
    return true;
  }
  // Not of the folder itself: what we pass over may come and go.
  Stamp folder;
  std::error_code failure;
  std::filesystem::directory_iterator entry(file, failure);
  for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
    Stamp each;
    if (depth == 0 || entry->path().filename().native().starts_with('.') ||
        !stamp(entry->path(), each, depth - 1)) {
      continue;
    }
    // A sum, since no order is promised.
    folder.inside += std::hash<std::string>()(
        fmt::format("{} {} {} {} {} {}", entry->path().native(), each.device, each.inode, each.size,
                    each.modified_ns, each.inside));
  }
  if (failure) return false;
  out = folder;
  return true;
}

void FileWatch::watch(const std::vector<std::string>& files) {
  std::map<std::string, Stamp> seen;
  for (const std::string& file : files) {
    if (file.empty()) continue;
    const auto known = seen_.find(file);
    Stamp now;
    if (known != seen_.end()) {
      now = known->second;
    } else {
      stamp(file, now);
    }
    seen[file] = now;
  }
  seen_ = std::move(seen);
}

std::vector<std::string> FileWatch::changed() {
  std::vector<std::string> changed;
  for (auto& [file, before] : seen_) {
    Stamp now;
    if (!stamp(file, now) || now == before) continue;
    before = now;
    changed.push_back(file);
  }
  return changed;
}

}  // namespace sallyport::server
