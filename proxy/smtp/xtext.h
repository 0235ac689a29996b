// xtext: how parameters of MAIL and RCPT carry what their own syntax could not. RFC 3461 section 4.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::smtp {

/// What `text` stands for: xchars stand for themselves, "+" and two digits of upper-case
/// hexadecimal for any octet. kInvalid, with what is wrong, when it is no xtext.
Result<std::string> decode_xtext(std::string_view text);

}  // namespace sallyport::smtp
