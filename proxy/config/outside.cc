// The real outside: files, environment and name of this machine.
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

#include "proxy/base/unnamed_file.h"
#include "proxy/config/load.h"

namespace sallyport::config {
namespace {

constexpr std::size_t kLargestFile = 16u << 20;

std::unexpected<Error> system_failure(int code) {
  return fail(ErrorCode::kSystem, std::generic_category().message(code));
}

/// A descriptor that closes itself.
class File {
 public:
  explicit File(const std::string& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

Result<void> check(const File& file) {
  if (file.descriptor() < 0) return system_failure(errno);
  struct stat status{};
  if (fstat(file.descriptor(), &status) != 0) return system_failure(errno);
  if (S_ISDIR(status.st_mode)) return system_failure(EISDIR);
  return {};
}

Result<void> check_readable(const std::string& path) { return check(File(path)); }

Result<void> check_listable(const std::string& path) {
  std::error_code failure;
  const std::filesystem::directory_iterator listing(path, failure);
  if (failure) return fail(ErrorCode::kSystem, failure.message());
  return {};
}

/// Tries it: a read-only file system or a sandbox is not told by the permissions of the folder.
Result<void> check_writable(const std::string& path) {
  const int file = create_unnamed_file(path);
  if (file < 0) return system_failure(errno);
  close(file);
  return {};
}

Result<void> check_makeable(const std::string& path) {
  std::filesystem::path folder = std::filesystem::absolute(path);
  std::error_code failure;
  while (folder.has_relative_path() && !std::filesystem::exists(folder, failure) && !failure) {
    folder = folder.parent_path();
  }
  if (failure) return fail(ErrorCode::kSystem, failure.message());
  return check_writable(folder.native());
}

Result<std::string> read_whole_file(const std::string& path) {
  const File file(path);
  if (const auto fit = check(file); !fit) return fail(fit.error());
  std::string content;
  std::array<char, 16384> block{};
  while (true) {
    const ssize_t size = read(file.descriptor(), block.data(), block.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_failure(errno);
    if (size == 0) break;
    content.append(block.data(), static_cast<std::size_t>(size));
    if (content.size() > kLargestFile) return fail(ErrorCode::kLimit, "it is larger than 16 MiB");
  }
  wipe_memory(block.data(), block.size());
  return content;
}

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::vector<std::string> all_variables() {
  std::vector<std::string> names;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view variable(*each);
    names.emplace_back(variable.substr(0, variable.find('=')));
  }
  return names;
}

/// What `hostname -f` says: the kernel's name, or the resolver's canonical form of it.
std::optional<std::string> own_host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return std::nullopt;
  std::string own(name.data());
  if (own.empty()) return std::nullopt;
  if (own.contains('.')) return own;
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(own.c_str(), nullptr, &hints, &found) != 0) return own;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  return found->ai_canonname ? std::string(found->ai_canonname) : own;
}

}  // namespace

Outside Outside::real() {
  return {.read_file = read_whole_file,
          .environment = environment_variable,
          .readable = check_readable,
          .listable = check_listable,
          .writable = check_writable,
          .makeable = check_makeable,
          .host_name = own_host_name,
          .environment_names = all_variables};
}

}  // namespace sallyport::config
