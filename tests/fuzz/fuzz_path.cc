// Addresses: what is accepted is within the limits, is read back from what is written, and holds
// nothing that could break out of its angle brackets.
#include <string>

#include "proxy/smtp/mailbox.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::smtp {
namespace {

void check_mailbox(const Mailbox& mailbox, bool allow_utf8) {
  const std::string text = mailbox.str();
  FUZZ_CHECK(text.size() <= 254 && mailbox.local.size() <= 64 && mailbox.domain.size() <= 255);
  for (const char c : text) {
    FUZZ_CHECK(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
    FUZZ_CHECK(allow_utf8 || static_cast<unsigned char>(c) < 0x80);
  }
  FUZZ_CHECK(mailbox.domain.find_first_of("<>()@,;\\\" ") == std::string::npos ||
             mailbox.domain.starts_with('['));

  const std::string path = '<' + text + "> rest";
  const auto forward = parse_forward_path(path, allow_utf8);
  FUZZ_CHECK(forward && forward->value == mailbox && forward->rest == " rest");
  if (mailbox.domain.empty()) return;
  const auto again = parse_mailbox(text, allow_utf8);
  FUZZ_CHECK(again && *again == mailbox);
  const auto reverse = parse_reverse_path(path, allow_utf8);
  FUZZ_CHECK(reverse && reverse->value.mailbox == mailbox && reverse->rest == " rest");
  if (mailbox.domain.find_first_not_of('.') != std::string::npos && !allow_utf8) {
    FUZZ_CHECK(is_domain_or_literal(mailbox.domain));
  }
}

void check_all(std::string_view input, bool allow_utf8) {
  const auto mailbox = parse_mailbox(input, allow_utf8);
  FUZZ_CHECK(mailbox || !mailbox.error().text.empty());
  if (mailbox) {
    FUZZ_CHECK(mailbox->str() == input && !mailbox->domain.empty());
    check_mailbox(*mailbox, allow_utf8);
  }
  if (const auto path = parse_reverse_path(input, allow_utf8)) {
    FUZZ_CHECK(input.starts_with('<') && input.ends_with(path->rest));
    if (path->value.mailbox) check_mailbox(*path->value.mailbox, allow_utf8);
  }
  if (const auto path = parse_forward_path(input, allow_utf8)) {
    FUZZ_CHECK(input.ends_with(path->rest));
    check_mailbox(path->value, allow_utf8);
  }
}

}  // namespace
}  // namespace sallyport::smtp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = sallyport::fuzz::text(data, size);
  sallyport::smtp::check_all(input, false);
  sallyport::smtp::check_all(input, true);
  // ASCII alone is a part of UTF-8: what is accepted without is accepted with it, as the same.
  const auto strict = sallyport::smtp::parse_mailbox(input, false);
  FUZZ_CHECK(!strict || strict == sallyport::smtp::parse_mailbox(input, true));
  return 0;
}
