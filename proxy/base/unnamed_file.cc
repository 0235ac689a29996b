#include "proxy/base/unnamed_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>

namespace sallyport {
namespace {

// For file systems without O_TMPFILE, such as overlayfs on old kernels.
int create_and_unlink(const std::string& directory) {
  std::string path = directory + "/sallyport-XXXXXX";
  const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor >= 0) ::unlink(path.c_str());
  return descriptor;
}

}  // namespace

int create_unnamed_file(const std::string& directory) {
  const int descriptor = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
  const bool unsupported = errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL;
  return descriptor < 0 && unsupported ? create_and_unlink(directory) : descriptor;
}

}  // namespace sallyport
