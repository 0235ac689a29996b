// xtext: how parameters of MAIL and RCPT carry what their own syntax could not. RFC 3461 section 4.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::smtp {

/// What `text` stands for: xchars stand for themselves, "+" and two digits of hexadecimal for any
/// octet. The digits may be in lower case, which RFC 3461 forbids and X.400 gateways write.
/// kInvalid, with what is wrong, when it is no xtext.
Result<std::string> decode_xtext(std::string_view text);

/// `text`, which `decode_xtext` takes, with its hexadecimal digits in upper case: strict xtext.
std::string normal_xtext(std::string_view text);

}  // namespace sallyport::smtp
