// What a name or password that a client sends must look like.
#pragma once

#include <cstddef>
#include <string_view>

namespace sallyport::auth {

/// What is wrong with a name or password, as the end of a sentence, or null. The part of SASLprep
/// (RFC 4013) that protects logs and files: no control characters. The octets themselves are left
/// alone.
const char* fault_of_name(std::string_view text, std::size_t most);

}  // namespace sallyport::auth
