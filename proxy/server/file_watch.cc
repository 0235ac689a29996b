#include "proxy/server/file_watch.h"

#include <sys/stat.h>

namespace sallyport::server {

bool FileWatch::stamp(const std::string& file, Stamp& out) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return false;
  out = {.device = status.st_dev,
         .inode = status.st_ino,
         .size = status.st_size,
         .modified_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec};
  return true;
}

void FileWatch::watch(const std::vector<std::string>& files) {
  std::map<std::string, Stamp> seen;
  for (const std::string& file : files) {
    if (file.empty()) continue;
    Stamp now;
    stamp(file, now);
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
