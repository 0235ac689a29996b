#include "proxy/base/local_part.h"

#include <algorithm>

#include "proxy/base/ascii.h"

namespace sallyport {
namespace {

/// atext of RFC 5322 section 3.2.3, UTF8-non-ascii, or the dot between two atoms.
bool is_dot_string_octet(char c) {
  return ascii::is_alnum(c) || static_cast<unsigned char>(c) >= 0x80 ||
         (c != '\0' && std::string_view(".!#$%&'*+-/=?^_`{|}~").contains(c));
}

bool is_dot_string(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.back() != '.' && !text.contains("..") &&
         std::ranges::all_of(text, is_dot_string_octet);
}

}  // namespace

std::string unquoted_local_part(std::string_view local) {
  if (local.size() < 2 || local.front() != '"' || local.back() != '"') return std::string(local);
  local = local.substr(1, local.size() - 2);
  std::string content;
  content.reserve(local.size());
  for (std::size_t i = 0; i < local.size(); ++i) {
    if (local[i] == '\\' && i + 1 < local.size()) ++i;
    content += local[i];
  }
  return content;
}

std::string normal_local_part(std::string_view content) {
  if (is_dot_string(content)) return std::string(content);
  std::string quoted = "\"";
  for (const char c : content) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace sallyport
