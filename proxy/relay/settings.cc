#include "proxy/relay/settings.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "proxy/base/result.h"
#include "proxy/net/tls.h"
#include "proxy/oauth/grant.h"

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

config::Problem problem(const config::Config& config, config::Place place, std::string what) {
  return {.file = config.file, .line = place.line, .column = place.column, .what = std::move(what)};
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

/// The certificate that this upstream is shown, with its key.
Result<void> read_own(const config::Upstream& upstream, TlsFiles& files) {
  if (upstream.certificate.empty()) return {};
  auto certificate = read_file(upstream.certificate);
  if (!certificate) return fail(certificate.error());
  auto key = read_file(upstream.key);
  if (!key) return fail(key.error().code, "key: " + key.error().text);
  files.certificate = std::move(*certificate);
  files.key = Secret::consume(*key);
  const auto pair = net::ServerCertificate::make(files.certificate, files.key.reveal());
  return pair ? Result<void>() : fail(pair.error());
}

/// The files that the tokens of this upstream come from.
Result<void> check_oauth(const config::OAuth& settings) {
  if (const auto checked = oauth::check(settings); !checked) return checked;
  if (settings.ca.empty()) return {};
  const auto pem = read_file(settings.ca);
  if (!pem) return fail(pem.error().code, "ca: " + pem.error().text);
  const auto usable = net::check_authorities(*pem);
  return usable ? Result<void>() : fail(usable.error().code, "ca: " + usable.error().text);
}

/// Adds what is wrong with them to `problems`.
TlsFiles read_files(const config::Config& config, const config::Upstream& upstream,
                    std::vector<config::Problem>& problems) {
  TlsFiles files;
  if (auto roots = read_roots(upstream)) {
    files.ca = std::move(*roots);
  } else {
    problems.push_back(
        problem(config, upstream.ca_origin.place,
                fmt::format("upstream {}: ca is \"{}\", which cannot be used: {}; expected the "
                            "certificates of trusted authorities in PEM",
                            upstream.name, upstream.ca, roots.error().text)));
  }
  if (const auto own = read_own(upstream, files); !own) {
    problems.push_back(problem(
        config, upstream.key_origin.place,
        fmt::format("upstream {}: certificate is \"{}\", which cannot be used: {}; expected "
                    "a certificate in PEM and its key",
                    upstream.name, upstream.certificate, own.error().text)));
  }
  if (!upstream.oauth) return files;
  if (const auto tokens = check_oauth(*upstream.oauth); !tokens) {
    problems.push_back(problem(
        config, upstream.oauth->origin.place,
        fmt::format("upstream {}: oauth cannot be used: {}", upstream.name, tokens.error().text)));
  }
  return files;
}

}  // namespace

std::expected<Settings, std::vector<config::Problem>> read_settings(const config::Config& config) {
  Settings settings{.hostname = config.hostname,
                    .upstreams = config.upstreams,
                    .files = {},
                    .routes = config.routes,
                    .partial_rejection = config.partial_rejection,
                    .reply = config.session.reply};
  std::vector<config::Problem> problems;
  for (const config::Upstream& upstream : config.upstreams) {
    settings.files.push_back(read_files(config, upstream, problems));
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return settings;
}

}  // namespace sallyport::relay
