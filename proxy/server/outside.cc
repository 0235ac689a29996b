#include "proxy/server/outside.h"

#include <map>
#include <mutex>
#include <string>

#include "auth/password_hash.h"
#include "proxy/base/crypto/digest.h"

namespace sallyport::server {
namespace {

Result<std::string> hash_once(const Secret& password) {
  static std::mutex mutex;
  static std::map<crypto::Sha256Digest, std::string> hashes;
  static const std::string key = std::to_string(crypto::random_u64());
  const crypto::Sha256Digest mac = crypto::hmac_sha256(key, password.reveal());
  const std::lock_guard lock(mutex);
  if (const auto known = hashes.find(mac); known != hashes.end()) return known->second;
  auto hash = auth::hash_password(password);
  if (hash) hashes.emplace(mac, *hash);
  return hash;
}

}  // namespace

config::Outside real_outside() {
  config::Outside outside = config::Outside::real();
  outside.hash_password = hash_once;
  return outside;
}

}  // namespace sallyport::server
