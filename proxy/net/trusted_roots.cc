#include "proxy/net/trusted_roots.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>

#include "proxy/net/pem.h"
#include "proxy/net/tls_errors.h"

namespace sallyport::net {
namespace {

namespace fs = std::filesystem;

constexpr std::array kBundles = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",              // SUSE
    "/etc/ssl/cert.pem",
};

/// Where the roots are, and which state of them.
struct Source {
  std::string file;
  std::string directory;
  fs::file_time_type changed;
  bool operator==(const Source&) const = default;
};

const char* environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

Source find_source() {
  Source source;
  std::error_code ignored;
  if (const char* file = environment("SSL_CERT_FILE")) source.file = file;
  if (const char* directory = environment("SSL_CERT_DIR")) source.directory = directory;
  if (source.file.empty() && source.directory.empty()) {
    for (const char* bundle : kBundles) {
      if (!fs::exists(bundle, ignored)) continue;
      source.file = bundle;
      break;
    }
  }
  if (!source.file.empty()) source.changed = fs::last_write_time(source.file, ignored);
  return source;
}

Result<bssl::UniquePtr<X509_STORE>> load(const Source& source) {
  if (source.file.empty() && source.directory.empty()) {
    return fail(ErrorCode::kNotFound,
                "no trusted roots: install the system's CA certificates (ca-certificates), set "
                "SSL_CERT_FILE, or name a CA file");
  }
  bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
  const char* const file = source.file.empty() ? nullptr : source.file.c_str();
  const char* const directory = source.directory.empty() ? nullptr : source.directory.c_str();
  if (!store || X509_STORE_load_locations(store.get(), file, directory) != 1) {
    return fail(ErrorCode::kInvalid, "the trusted roots in " +
                                         (file != nullptr ? source.file : source.directory) +
                                         " cannot be read: " + take_reason());
  }
  ERR_clear_error();
  return store;
}

/// A copy of the process's view of the system, not of anyone's configuration: hence here, and not
/// handed down from main.
struct SystemRoots {
  std::mutex mutex;
  Source source;
  bssl::UniquePtr<X509_STORE> store;
};

}  // namespace

Result<bssl::UniquePtr<X509_STORE>> roots_from(std::string_view ca_pem) {
  const auto certificates = parse_certificates(ca_pem);
  if (!certificates) return fail(certificates.error());
  bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
  for (const auto& certificate : *certificates) {
    if (!store || X509_STORE_add_cert(store.get(), certificate.get()) != 1) {
      return fail(ErrorCode::kInvalid, take_reason());
    }
  }
  return store;
}

Result<bssl::UniquePtr<X509_STORE>> system_roots() {
  static SystemRoots shared;
  const std::lock_guard lock(shared.mutex);
  Source source = find_source();
  if (!shared.store || source != shared.source) {
    auto loaded = load(source);
    if (!loaded) return loaded;
    shared.store = std::move(*loaded);
    shared.source = std::move(source);
  }
  return bssl::UpRef(shared.store);
}

}  // namespace sallyport::net
