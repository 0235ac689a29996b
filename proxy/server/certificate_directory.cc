#include "proxy/server/certificate_directory.h"

#include <algorithm>
#include <filesystem>
#include <optional>

namespace sallyport::server {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::optional<config::CertificateFiles> pair_at(const fs::path& entry) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(entry, ignored);
  if (!is_folder && entry.extension() != ".crt") return std::nullopt;
  const fs::path certificate = is_folder ? entry / "tls.crt" : entry;
  fs::path key = certificate;
  fs::path response = certificate;
  key.replace_extension(".key");
  response.replace_extension(".ocsp");
  // Of a folder either will do: that the other one is missing is worth a word.
  if (!is_there(key) && !(is_folder && is_there(certificate))) return std::nullopt;
  return config::CertificateFiles{.certificate = certificate,
                                  .key = key,
                                  .ocsp_response = is_there(response) ? response : fs::path()};
}

}  // namespace

Result<std::vector<config::CertificateFiles>> certificates_in(const std::string& directory) {
  std::vector<config::CertificateFiles> pairs;
  std::error_code failure;
  fs::directory_iterator entry(directory, failure);
  for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
    if (entry->path().filename().native().starts_with('.')) continue;
    if (auto pair = pair_at(entry->path())) pairs.push_back(std::move(*pair));
  }
  if (failure) return fail(ErrorCode::kSystem, failure.message());
  std::ranges::sort(pairs, {}, &config::CertificateFiles::certificate);
  return pairs;
}

}  // namespace sallyport::server
