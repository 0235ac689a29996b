#include "auth/names.h"

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"

namespace sallyport::auth {
namespace {

/// Is the UTF-8 sequence a control character: C0, DEL or C1?
bool is_control(std::string_view sequence) {
  if (sequence.size() == 1) return ascii::is_control(sequence[0]);
  return sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

}  // namespace

const char* fault_of_name(std::string_view text, std::size_t most) {
  if (text.empty()) return " is empty";
  if (text.size() > most) return " is too long";
  while (!text.empty()) {
    const std::size_t size = utf8::sequence(text);
    if (size == 0) return " is not UTF-8";
    if (is_control(text.substr(0, size))) return " has a control character";
    text.remove_prefix(size);
  }
  return nullptr;
}

}  // namespace sallyport::auth
