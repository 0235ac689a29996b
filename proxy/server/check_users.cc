#include "proxy/server/check_users.h"

#include <cstdio>

#include "proxy/base/secret.h"
#include "proxy/config/load.h"
#include "proxy/server/process.h"

namespace sallyport::server {

ExitCode check_users(const std::string& path) {
  protect_process();
  auto text = config::Outside::real().read_file(path);
  if (!text) {
    std::fprintf(stderr, "%s: cannot be read: %s; expected a users file\n", path.c_str(),
                 text.error().text.c_str());
    return kBadConfig;
  }
  const auto users = config::parse_users(*text, path, config::Limits());
  wipe(*text);
  if (!users) {
    for (const config::Problem& problem : users.error()) {
      std::fprintf(stderr, "%s\n", problem.str().c_str());
    }
    return kBadConfig;
  }
  std::printf("%s: ok: %zu users\n", path.c_str(), users->size());
  return kOk;
}

}  // namespace sallyport::server
