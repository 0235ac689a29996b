#include "proxy/relay/settings.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "proxy/base/result.h"
#include "proxy/net/tls.h"

namespace sallyport::relay {
namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  errno = 0;
  // Inserting an empty buffer sets the stream's fail bit: an empty file is not an unreadable one.
  if (!file || (!(content << file.rdbuf()) && errno != 0)) {
    return fail(ErrorCode::kSystem, std::strerror(errno));
  }
  return std::move(content).str();
}

/// The roots that `ca` of this upstream names, in PEM; empty for those of the system.
Result<std::string> read_roots(const config::Upstream& upstream) {
  if (upstream.ca.empty()) return std::string();
  auto pem = read_file(upstream.ca);
  if (!pem) return pem;
  // An empty text would stand for the system's roots, which is not what was asked for.
  if (pem->empty()) return fail(ErrorCode::kInvalid, "the file is empty");
  const auto context = net::ClientTlsContext::make(*pem);
  if (!context) return fail(context.error());
  return pem;
}

}  // namespace

std::expected<Settings, std::vector<config::Problem>> read_settings(const config::Config& config) {
  Settings settings{.hostname = config.hostname,
                    .upstreams = config.upstreams,
                    .roots = {},
                    .routes = config.routes,
                    .partial_rejection = config.partial_rejection};
  std::vector<config::Problem> problems;
  for (const config::Upstream& upstream : config.upstreams) {
    auto roots = read_roots(upstream);
    if (roots) {
      settings.roots.push_back(std::move(*roots));
      continue;
    }
    problems.push_back(
        {.file = config.file,
         .line = upstream.ca_origin.place.line,
         .column = upstream.ca_origin.place.column,
         .what = fmt::format("upstream {}: ca is \"{}\", which cannot be used: {}; expected the "
                             "certificates of trusted authorities in PEM",
                             upstream.name, upstream.ca, roots.error().text)});
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return settings;
}

}  // namespace sallyport::relay
