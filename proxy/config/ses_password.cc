#include "proxy/config/ses_password.h"

#include <string>

#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"

namespace sallyport::config {

Secret ses_smtp_password(std::string_view secret_access_key, std::string_view region) {
  std::string key = "AWS4";
  key += secret_access_key;
  for (const std::string_view step :
       {std::string_view("11111111"), region, std::string_view("ses"),
        std::string_view("aws4_request"), std::string_view("SendRawEmail")}) {
    auto digest = crypto::hmac_sha256(key, step);
    wipe(key);
    key = crypto::as_view(digest);
    wipe_memory(digest.data(), digest.size());
  }
  constexpr char kVersion = 4;
  key.insert(key.begin(), kVersion);
  std::string password = base64::encode(key);
  wipe(key);
  return Secret::consume(password);
}

}  // namespace sallyport::config
