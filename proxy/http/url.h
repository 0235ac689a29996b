// The little that must be known of a URL before it is used.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::http {

/// May a request with secrets go there? https, or http to 127.0.0.0/8, [::1] or localhost. No user
/// or password may stand in it.
bool is_safe(std::string_view url);

/// The host of a URL, without port and brackets; for messages.
std::string host_of(std::string_view url);

/// `text` as a value in application/x-www-form-urlencoded.
std::string form_encoded(std::string_view text);

}  // namespace sallyport::http
